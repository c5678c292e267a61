//go:build !bug_snapshot_reads

package pebblekv

func (s *txnState) plantReadLatest() {}
