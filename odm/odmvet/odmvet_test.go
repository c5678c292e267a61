package odmvet_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/tandemdb/tandem/odm/odmvet"
)

// Wrong programs have a want comment on each line that is reported; right ones have none.
func TestCorpus(t *testing.T) {
	for _, corpus := range []string{"wrong", "right"} {
		t.Run(corpus, func(t *testing.T) {
			analysistest.Run(t, analysistest.TestData(), odmvet.Analyzer, corpus)
		})
	}
}
