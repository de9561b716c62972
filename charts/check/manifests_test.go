package check

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The APIs an install is checked against, from their projects' own modules.
const (
	kubernetes = "k8s.io/kubernetes@v1.36.3"
	gatewayAPI = "sigs.k8s.io/gateway-api@v1.4.0"
	prometheus = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
	postgres   = "github.com/cloudnative-pg/cloudnative-pg@v1.28.0"
	certs      = "github.com/cert-manager/cert-manager@v1.19.1"
)

// everything switches all on that adds objects.
const everything = "dev.enabled=true,operator.enabled=true,signingKey.generate=true,services.gateway.autoscaling.enabled=true," +
	"telemetry.serviceMonitor.enabled=true,telemetry.rules.enabled=true,telemetry.dashboards.enabled=true," +
	"telemetry.otlp.endpoint=http://collector:4317,ingress.enabled=true,ingress.hosts[0].host=a.example," +
	"gateway.trustedProxies={10.0.0.0/8}," +
	"mtls.enabled=true,mtls.issuerRef.name=mesh," +
	"gatewayAPI.http.enabled=true,gatewayAPI.http.parentRefs[0].name=edge,gatewayAPI.http.hostnames[0]=a.example," +
	"gatewayAPI.grpc.enabled=true,gatewayAPI.grpc.parentRefs[0].name=edge,gatewayAPI.grpc.hostnames[0]=b.example"

// Every object is one its API knows, without a field it does not.
func TestObjectsFollowTheirSchemas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeKubernetesSchemas(t, dir)
	for _, pattern := range []string{
		filepath.Join(goModule(t.Context(), t, gatewayAPI), "config/crd/standard/*.yaml"),
		filepath.Join(goModule(t.Context(), t, prometheus), "example/prometheus-operator-crd/*.yaml"),
		filepath.Join(goModule(t.Context(), t, postgres), "config/crd/bases/*.yaml"),
		filepath.Join(goModule(t.Context(), t, certs), "deploy/crds/*.yaml"),
		filepath.Join(root, "charts/douyin-crds/files/*.yaml"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: nothing found, %v", pattern, err)
		}
		for _, path := range found {
			writeCRDSchemas(t, dir, path)
		}
	}
	conform := func(name string, manifest []byte) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), tool(t, "kubeconform"), "-strict", "-summary",
			"-schema-location", filepath.Join(dir, "{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"))
		cmd.Stdin = bytes.NewReader(manifest)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		t.Logf("%s: %s", name, out)
	}
	render := func(args ...string) []byte {
		return output(t, "helm", append([]string{"template", "douyin", "charts/douyin", "--namespace", "douyin"}, args...)...)
	}
	conform("everything", render("--set", everything))
	conform("without volumes", render("--set", "dev.enabled=true,dev.persistence=false"))
	conform("production", render("--values", "charts/douyin/examples/production.yaml"))
	for _, path := range append(matching(t, "docs/deploy/stores/*/manifest.yaml"), matching(t, "docs/deploy/mtls/issuer.yaml")...) {
		store := filepath.Base(filepath.Dir(path))
		if store == "strimzi" {
			continue // its schemas are in no Go module
		}
		manifest, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		conform(store, manifest)
	}
}

// writeKubernetesSchemas writes a schema for each kind of the OpenAPI document.
func writeKubernetesSchemas(t testing.TB, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(goModule(t.Context(), t, kubernetes), "api/openapi-spec/swagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Definitions map[string]map[string]any }
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	for name, definition := range document.Definitions {
		closeObject(definition)
		if strings.HasSuffix(name, "Quantity") || strings.HasSuffix(name, "IntOrString") {
			definition["type"] = []string{"string", "number"}
		}
	}
	for name, definition := range document.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue
		}
		kind, _ := kinds[0].(map[string]any)
		needed := map[string]any{}
		gather(document.Definitions, name, needed)
		writeSchema(t, dir, text(kind["group"]), text(kind["kind"]), text(kind["version"]),
			map[string]any{"$ref": "#/definitions/" + name, "definitions": needed})
	}
}

// gather collects a definition and those it refers to.
func gather(all map[string]map[string]any, name string, into map[string]any) {
	if _, ok := into[name]; ok {
		return
	}
	into[name] = all[name]
	walk("", "", map[string]any(all[name]), func(_, _ string, s map[string]any) {
		if ref, ok := s["$ref"].(string); ok {
			gather(all, strings.TrimPrefix(ref, "#/definitions/"), into)
		}
	})
}

func writeCRDSchemas(t testing.TB, dir, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range strings.Split(string(content), "\n---") {
		var crd struct {
			Kind string
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(doc), &crd); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if crd.Kind != "CustomResourceDefinition" {
			continue
		}
		for _, v := range crd.Spec.Versions {
			schema := v.Schema.OpenAPIV3Schema
			walk("", "", schema, func(_, key string, s map[string]any) {
				if key != "metadata" {
					closeObject(s)
				}
				if s["x-kubernetes-int-or-string"] == true {
					delete(s, "type")
				}
			})
			writeSchema(t, dir, crd.Spec.Group, crd.Spec.Names.Kind, v.Name, schema)
		}
	}
}

// closeObject refuses the fields that a schema does not name.
func closeObject(schema map[string]any) {
	_, has := schema["properties"]
	_, says := schema["additionalProperties"]
	if has && !says && schema["type"] == "object" && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
}

func writeSchema(t testing.TB, dir, group, kind, version string, schema any) {
	t.Helper()
	content, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	if group == "" {
		group = version // as kubeconform calls the core group
	}
	name := group + "_" + strings.ToLower(kind) + "_" + version + ".json"
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}
