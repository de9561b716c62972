package workerpool

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	autoscaling "k8s.io/client-go/applyconfigurations/autoscaling/v1"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
)

// FieldManager is the name under which the operator owns replicas and deletion costs.
const FieldManager = "douyin-operator"

// scaleOf is the declaration of a size: nothing but the replicas.
func scaleOf(d *appsv1.Deployment, replicas int32) *autoscaling.ScaleApplyConfiguration {
	return autoscaling.Scale().WithName(d.Name).WithNamespace(d.Namespace).
		WithSpec(autoscaling.ScaleSpec().WithReplicas(replicas))
}

// setReplicas applies a size through the scale subresource. Where another
// manager has the field it says so and takes it.
func setReplicas(ctx context.Context, deployments appsclient.DeploymentInterface, d *appsv1.Deployment, replicas int32) (contended bool, err error) {
	scale := scaleOf(d, replicas)
	_, err = deployments.ApplyScale(ctx, d.Name, scale, metav1.ApplyOptions{FieldManager: FieldManager})
	if apierrors.IsConflict(err) {
		contended = true
		_, err = deployments.ApplyScale(ctx, d.Name, scale, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	}
	if err != nil {
		return contended, fmt.Errorf("scale %s to %d: %w", d.Name, replicas, err)
	}
	return contended, nil
}

// replicasOf is what a Deployment asks for; 1 when it does not say.
func replicasOf(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// others returns who else set the replicas, newest last, as far as the API server knows.
func others(d *appsv1.Deployment) []string {
	entries := slices.Clone(d.ManagedFields)
	slices.SortStableFunc(entries, func(a, b metav1.ManagedFieldsEntry) int {
		switch {
		case a.Time.Before(b.Time):
			return -1
		case b.Time.Before(a.Time):
			return 1
		default:
			return 0
		}
	})
	var names []string
	for _, e := range entries {
		if e.Manager != FieldManager && ownsReplicas(e.FieldsV1) {
			names = append(names, e.Manager)
		}
	}
	return names
}

func ownsReplicas(fields *metav1.FieldsV1) bool {
	if fields == nil {
		return false
	}
	var tree struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if err := json.NewDecoder(strings.NewReader(fields.GetRawString())).Decode(&tree); err != nil {
		return false
	}
	_, ok := tree.Spec["f:replicas"]
	return ok
}

// rival returns who set a size that is not the operator's last, or "". A size
// the operator set before it died, and could not write down, is no rival's.
func rival(d *appsv1.Deployment, desired *int32) string {
	if desired == nil || replicasOf(d) == *desired {
		return ""
	}
	names := others(d)
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}
