// Package plan chooses how a query finds its documents: through which index and which of its
// ranges, whether the order is the one asked for, whether the documents themselves are needed.
//
// It knows filters, sort patterns and indexes, not the store. A Plan is data that package exec
// runs and explain prints.
package plan

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// Query is what is asked of one collection.
type Query struct {
	Filter *match.Filter
	Sort   *sortkey.Pattern // nil for any order

	// Deps are the paths that the consumer reads, nil with Whole set where it needs
	// all of the document. No Deps and no Whole: only the number counts.
	Deps  []string
	Whole bool

	Collation *collation.Collation // by which the filter and Min and Max compare; nil is the binary one

	Hint bsonx.Value // an index name, a key pattern or {$natural: ±1}; missing for none

	Min, Max bsonx.Doc // bounds of the hinted index, nil for none
}

// Kind is how a plan finds records.
type Kind uint8

// The kinds of plans.
const (
	CollScan  Kind = iota // all records, or Ranges of a clustered collection
	IndexScan             // Ranges of Index
	Union                 // Branches, without repetition
	Nothing               // the filter contradicts itself
)

// Plan is one way to find the documents of a Query. It is immutable.
type Plan struct {
	Kind     Kind
	Index    *catalog.Index
	Ranges   []Range // nil for everything
	Reverse  bool
	Branches []*Plan

	// Residual is what remains to be checked on each document, nil for nothing.
	Residual *match.Filter

	// Sorted says that the records come in the order of Query.Sort.
	Sorted bool

	// Order is the order that Index provides to a query that asks for one, else nil.
	Order *sortkey.Pattern

	// Covered says that Index holds all that the query needs, so no record is read. It holds
	// only for entries without null, which may stand for a missing field.
	Covered bool

	// NeedsValues says that a covered plan needs the values of the entries, not only their number.
	NeedsValues bool

	// Dedup says that one record may be found more than once.
	Dedup bool

	// IDLookup says that at most one document is found, by its _id.
	IDLookup bool

	// Rejected are the other plans that were considered, for explain.
	Rejected []*Plan

	fields []field // what is demanded of each index field, for explain
	score  int
}

// Multikey tells in which fields of an index some document has an array.
type Multikey func(*catalog.Index) uint64
