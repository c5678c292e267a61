//go:build !linux

package command

// totalMemory is not known on this platform.
func totalMemory() int64 { return 0 }
