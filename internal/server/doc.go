// Package server owns the network side of a database: listeners, TLS, the life of
// each connection, and the counters of all that. It reads a request, hands it to
// a [command.Handler] and writes the reply; what a request means it does not know.
//
// Every connection has one goroutine, which runs its statements. A statement that
// takes longer than a moment gets a second one, which watches the socket: if the
// client goes, the statement's context is cancelled, so that its locks do not
// outlive the client that wanted them. The watcher reads ahead, and the reader
// keeps what it got, so a client may send requests before it has its answers.
//
// Lock order: Server.mu before conn.mu. Neither is held while a statement runs or
// while the network is waited for.
package server
