// Package check holds what is deployed to what the code says: the edges of the
// NetworkPolicies to the clients the services make, the metrics of alerts and
// dashboards to those the processes export, Kustomize to the chart, and every
// object to its API's schema.
//
// It runs the tools of bin/ (make chart-test builds them). It is a module of
// its own, so that none of the others depends on what it reads YAML with.
package check
