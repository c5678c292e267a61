//go:build !bug_lock_floor

package pebblekv

const plantLockFloor = false
