//go:build bug_snapshot_reads

package pebblekv

// plantReadLatest moves what a transaction reads to now, but not the timestamp that its locks
// are judged by: the reads of one transaction come from different states. It is there to show
// that test/isolation would notice.
func (s *txnState) plantReadLatest() {
	if s.core.snap == nil || s.core.borrowed || s.core.iters != nil {
		return
	}
	if s.core.reset() == nil && s.core.snap.Close() == nil {
		s.core.snap = s.t.db.pdb.NewSnapshot()
	}
}
