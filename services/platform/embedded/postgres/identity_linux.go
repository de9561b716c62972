package postgres

import "syscall"

// namespaced runs the server in a user namespace where our root is user 1000.
// To Postgres that is an ordinary user; to the file system it still is root, so
// any parent directory will do and no file changes its owner.
func namespaced() []identity {
	const inside = 1000
	one := []syscall.SysProcIDMap{{ContainerID: inside, HostID: 0, Size: 1}}
	return []identity{{
		name: "root in a user namespace",
		attr: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: one,
			GidMappings: one,
			Credential:  &syscall.Credential{Uid: inside, Gid: inside, NoSetGroups: true},
		},
	}}
}
