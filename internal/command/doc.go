// Package command is what the server can do for a client: one literal table of commands,
// and the dispatcher that makes every check that the table's flags ask for before it calls
// a handler. Handlers, one file a command, read their arguments from the request's bytes
// and append their reply to a buffer.
//
// The package knows connections only as Conn, and the store only through sessions and
// transactions.
package command
