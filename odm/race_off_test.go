//go:build !race

package odm_test

const raceEnabled = false
