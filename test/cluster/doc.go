// Package cluster takes the platform through its life in a Kubernetes cluster:
// images are loaded, the charts are installed into a namespace that enforces
// Pod Security "restricted", the suites run against the gateway's Service, then
// the release is upgraded and rolled back under load, its pods are deleted one
// after the other, it is scaled out and measured, operators size its workers and
// keep its topics, its services get certificates, and it is uninstalled.
//
// It knows the platform from outside: it drives kubectl and helm, and speaks to
// the gateway. `make cluster-test` builds the images and runs it; each step also
// runs alone on a release that is there:
//
//	go test ./test/cluster -run 'TestLife/(upgrade|rollback)' -v
//
// Environment:
//
//	KUBECONFIG           the cluster
//	IMAGE_LOAD           command that makes an archive known to the nodes; its path follows.
//	                     Empty: found out for kind, k3d, minikube and a containerd on this machine
//	CLUSTER_IMAGES       directory of the images (../../dist)
//	CLUSTER_NAMESPACE    namespace of the release, made anew by the first step (douyin-test)
//	CLUSTER_DELETE_FOR   how long pods are deleted, one every 5 s (60s; the full form is 5m)
//	CLUSTER_KEEP         any value: leave the release installed
//	CLUSTER_REPORT       file that gets the figures as Markdown
package cluster
