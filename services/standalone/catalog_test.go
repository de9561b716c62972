package standalone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"douyin.dev/services/catalog"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/standalone"
)

// started matches the line of a command that starts a component.
var started = regexp.MustCompile(`app\.Main\("([a-z-]+)", &([a-z]+\.[A-Za-z]+)\{\}\)`)

// commands are the components that the commands below services/cmd start, by their
// names. The standalone is none of the services: it is all of them.
func commands(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	components := map[string]string{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := started.FindSubmatch(source)
		if found == nil {
			continue
		}
		name := string(found[1])
		if dir := filepath.Base(filepath.Dir(file)); dir != name {
			t.Errorf("command %s calls itself %s", dir, name)
		}
		components[name] = "*" + string(found[2])
	}
	delete(components, "standalone")
	return components
}

func TestEveryServiceIsInTheCatalogAndInTheStandalone(t *testing.T) {
	t.Parallel()
	components := commands(t)
	if len(components) < 11 {
		t.Errorf("found only %d commands of services", len(components))
	}
	var platform standalone.Component
	for _, service := range catalog.All() {
		want, ok := components[service.Name]
		delete(components, service.Name)
		if !ok {
			t.Errorf("the catalog has %s, services/cmd has not", service.Name)
		}
		component := platform.Of(service.Name)
		if got := fmt.Sprintf("%T", component); got != want {
			t.Errorf("the standalone runs %s as %s, the command as %s", service.Name, got, want)
		}
		if got := schemaOf(service.Name, component); got != service.Schema {
			t.Errorf("%s works on schema %q, the catalog says %q", service.Name, got, service.Schema)
		}
		if service.Schema != "" && !slices.Contains(catalog.Schemas(), service.Schema) {
			t.Errorf("%s works on schema %s, which no service owns", service.Name, service.Schema)
		}
		if got, want := answersCalls(service.Name), service.Kind == catalog.Domain; got != want {
			t.Errorf("%s answers calls inside the mesh: %t, the catalog says %t", service.Name, got, want)
		}
	}
	for name := range components {
		t.Errorf("services/cmd has %s, the catalog has not", name)
	}
}

// schemaOf is the schema of a component by what it implements.
func schemaOf(name string, component app.Component) string {
	switch owner := component.(type) {
	case app.Sharer:
		return owner.SchemaName()
	case app.Owner:
		return name
	default:
		return ""
	}
}

// answersCalls reports whether the protos have a service of the name.
func answersCalls(name string) bool {
	found := false
	protoregistry.GlobalFiles.RangeFilesByPackage(protoreflect.FullName("douyin."+name+".v1"), func(file protoreflect.FileDescriptor) bool {
		found = found || file.Services().Len() > 0
		return true
	})
	return found
}
