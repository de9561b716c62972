// Package envtest tests the operator as a process against a real API server:
// kube-apiserver and etcd from KUBEBUILDER_ASSETS, Kafka from the embedded
// broker, real consumers, real kill -9. Nothing but the machines is played: a
// small stand-in for the Deployment controller makes a pod with a real consumer
// for each replica, and takes away the cheapest ones.
//
// The tests carry the build tag envtest: plain "go test ./..." needs no API server.
package envtest
