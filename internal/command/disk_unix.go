//go:build unix

package command

import "golang.org/x/sys/unix"

// diskSpace returns the free and all bytes of the file system that holds dir, zero where there is
// none.
func diskSpace(dir string) (free, total int64) {
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &st) != nil {
		return 0, 0
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize) //nolint:unconvert // types differ by platform
}
