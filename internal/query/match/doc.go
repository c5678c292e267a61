// Package match compiles query filters and evaluates them on raw BSON.
//
// A filter is compiled once into a tree of exported nodes, which the planner reads to find
// index bounds, and then evaluated for many documents. Evaluation allocates nothing except
// within $expr and for regular expressions outside the common subset of PCRE and RE2.
// A Filter is immutable and safe for concurrent use.
//
// The tree is a simplification of what the client sent: nested $and are flattened, $ne and
// $nin are Not of their positive forms, $all is And, and an $in of one value is an equality.
// None of that can be seen in results. [Filter.Explain], which must show the filter as it was
// written, works on the source document.
package match
