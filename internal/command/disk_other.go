//go:build !unix

package command

// diskSpace is not known on this platform.
func diskSpace(string) (free, total int64) { return 0, 0 }
