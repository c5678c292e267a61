// Command bench measures a Tandem server with the official driver, beside the floors that say
// what the same work costs at least:
//
//   - canned: a server with Tandem's framing that answers each command with the reply that
//     Tandem gave once, without doing anything;
//   - engine: the storage engine in this process, doing the reads and commits of the operation;
//   - postgres: PostgreSQL with the same documents as JSONB, called with pgx.
//
// All of them share the machine with the clients and with each other, and run in one go, so that
// the ratios hold where the figures do not. Run it with -h for its flags:
//
//	go run ./bench -server bin/tandem
//
// Documents have 1 KB. Writes wait until they are on disk everywhere.
package main
