//go:build !linux

package process

import "syscall"

// attributes keep a terminal's Ctrl-C from children. Their end with the parent depends on their watching stdin.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
