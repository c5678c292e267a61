// Package tandem embeds a Tandem database: a document database that speaks
// MongoDB's wire protocol and has multi-document transactions.
//
// [Open] opens a directory, or a database in memory. [DB.Client] gives the official
// Go driver connected to it inside the process, [DB.Serve] lets other processes
// in. One process has a directory open at a time.
package tandem
