package agg

import "github.com/tandemdb/tandem/internal/bsonx"

// WriteSpec is what a final $out or $merge asks for.
type WriteSpec struct {
	spec bsonx.Doc
}
