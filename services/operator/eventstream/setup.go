package eventstream

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

// slowestRetry bounds the pause after failures: a Kafka that is back is noticed soon.
const slowestRetry = 30 * time.Second

// Setup registers the Reconciler with a manager. A change of the status alone
// wakes nobody: the operator makes it.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("eventstream").
		For(&v1alpha1.EventStream{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
		))).
		WithOptions(controller.Options{
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, slowestRetry),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up stream controller: %w", err)
	}
	return nil
}
