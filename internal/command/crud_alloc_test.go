//go:build !race

package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The paths of single documents stay within their budgets of allocations.
func TestAllocations(t *testing.T) {
	c := benchServer(t)
	for _, bc := range benchCommands {
		if bc.allocs == 0 {
			continue
		}
		run := c.repeater(t, bc.cmd)
		run()
		require.LessOrEqual(t, testing.AllocsPerRun(200, run), bc.allocs, bc.name)
	}
}
