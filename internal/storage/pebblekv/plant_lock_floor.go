//go:build bug_lock_floor

package pebblekv

// plantLockFloor makes the lock table forget commits that open transactions do not see. It is
// there to show that test/isolation would notice.
const plantLockFloor = true
