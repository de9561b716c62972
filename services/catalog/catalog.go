// Package catalog is the list of the platform's services. Whatever starts, deploys
// or tests all of them reads it here. The chart has a list of its own, with what a
// cluster needs to know of each: charts/douyin/values.yaml. Tests hold both, and the
// commands below services/cmd, to each other.
package catalog

// Kind says who calls a service.
type Kind int

const (
	// Domain services answer calls of others inside the mesh.
	Domain Kind = iota
	// Worker services answer nobody: they consume events, or take jobs from a queue.
	Worker
	// Edge is the gateway, which answers clients.
	Edge
)

// Service is a component that runs as a process of its own in a mesh.
type Service struct {
	// Name is that of its command, its settings' prefix, and its peers' word for it.
	Name string
	// Schema is the Postgres schema it works on, and the role; empty for none. The
	// service of that name owns it, and migrates it.
	Schema string
	Kind   Kind
}

// All returns every service in the order in which a mesh starts them: those that
// others call first, the gateway last.
func All() []Service {
	return []Service{
		{Name: "user", Schema: "user"},
		{Name: "video", Schema: "video"},
		{Name: "relation", Schema: "relation"},
		{Name: "interaction", Schema: "interaction"},
		{Name: "counter", Schema: "counter"},
		{Name: "message", Schema: "message"},
		{Name: "search", Schema: "search"},
		{Name: "feed"},
		{Name: "counter-worker", Schema: "counter", Kind: Worker},
		{Name: "fanout", Kind: Worker},
		{Name: "transcode", Schema: "video", Kind: Worker},
		{Name: "gateway", Kind: Edge},
	}
}

// Schemas returns the names of all Postgres schemas.
func Schemas() []string {
	var schemas []string
	for _, s := range All() {
		if s.Schema == s.Name {
			schemas = append(schemas, s.Schema)
		}
	}
	return schemas
}
