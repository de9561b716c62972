package localmesh

import "syscall"

// childAttributes lets a process end with the mesh, however that ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
