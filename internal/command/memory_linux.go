package command

import "golang.org/x/sys/unix"

// totalMemory returns the bytes of memory that the machine has.
func totalMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
