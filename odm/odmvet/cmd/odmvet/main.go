// Command odmvet runs the odmvet analyzer, for go vet -vettool.
package main

import (
	"os"
	"strings"

	"golang.org/x/tools/go/analysis/singlechecker"
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/tandemdb/tandem/odm/odmvet"
)

func main() {
	for _, arg := range os.Args[1:] {
		if strings.HasSuffix(arg, ".cfg") || strings.HasPrefix(arg, "-V=") || arg == "-flags" {
			unitchecker.Main(odmvet.Analyzer) // go vet calls
		}
	}
	singlechecker.Main(odmvet.Analyzer)
}
