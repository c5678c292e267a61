// Package auth proves who a client is: users with their SCRAM credentials, and the
// server's side of the SCRAM-SHA-1 and SCRAM-SHA-256 conversations. It does not know
// where users are stored, nor what they may do.
package auth
