package process

import "syscall"

// attributes keep a terminal's Ctrl-C from children, so that the parent alone decides on their end, and let the kernel
// kill them when the parent ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
