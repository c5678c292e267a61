// Package agg compiles aggregation pipelines and runs them.
//
// [Parse] turns the pipeline array of a command into a [Pipeline]: every check that
// MongoDB makes before the first document happens there, and so does the rewriting (see
// optimize.go). A Pipeline is immutable, and [Pipeline.Run] may be called many times. The
// planner takes over the beginning of a pipeline by [Pipeline.Prefix].
//
// Stages are pull iterators over raw BSON. A stage that needs documents from elsewhere
// asks for them through [Sources]; the package knows neither the catalog nor storage.
//
// Ownership: a document that an [Iterator] returns is valid until its next Next or Close.
// A stage that keeps documents copies them into a buffer that counts its bytes and goes
// to a temporary file, or fails, beyond Options.MemoryMax.
package agg
