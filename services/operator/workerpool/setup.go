package workerpool

import (
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"douyin.dev/services/operator/api/v1alpha1"
)

// slowestRetry bounds the pause after failures.
const slowestRetry = 30 * time.Second

// Setup registers the Reconciler with a manager. Deployments and pods are not
// watched: a pool is looked at often anyway, and so the operator needs no right
// to see every Deployment.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("workerpool").
		For(&v1alpha1.WorkerPool{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, slowestRetry),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up pool controller: %w", err)
	}
	return nil
}
