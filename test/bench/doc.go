// Command bench measures the platform from outside, beside what the machine
// can do at best, and keeps what it found.
//
//	go run ./test/bench                              every scenario, standalone and mesh
//	go run ./test/bench --short --mode standalone    a few minutes less exact
//	go run ./test/bench growth                       costs at growing sizes
//	go run ./test/bench soak                         memory over an hour's worth of requests
//	go run ./test/bench compare a.json b.json        what changed
//	go run ./test/bench chart results.json           pictures
//	go run ./test/bench report results.json          the page of the documentation
//
// It needs Linux, the binaries in bin/, and a machine that does nothing else.
package main
