package isolation_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The checker finds the bugs that internal/storage/pebblekv has under build tags. A clean history
// would mean little if it did not.
func TestFindsPlantedBugs(t *testing.T) {
	const tests = "^(TestHistories|TestPlainStatementsAreLinearizable)$/^updates$"
	const notLinearizable = "--- FAIL: TestPlainStatementsAreLinearizable"
	for _, tc := range []struct {
		tag  string
		says []string
	}{
		{"bug_snapshot_reads", []string{"anomaly: G-single", "anomaly: unrepeatable read"}},
		{"bug_no_conflicts", []string{"anomaly: lost update", notLinearizable}},
		{"bug_lock_floor", []string{"anomaly: lost update", notLinearizable}},
	} {
		t.Run(tc.tag, func(t *testing.T) {
			out, err := exec.Command("go", "test", "-count", "1", "-tags", tc.tag, "-run", tests, ".").CombinedOutput()
			require.Error(t, err, "the bug was not found")
			for _, text := range tc.says {
				require.Contains(t, string(out), text)
			}
		})
	}
}
