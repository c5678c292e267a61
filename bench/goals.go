package main

import (
	"fmt"
	"time"
)

// check is one target of the project and what was measured.
type check struct {
	name, limit, measured string
	met                   bool
}

// goals make the checks that a run has the measurements for.
var goals = []func(rs results) []check{
	goalPing, goalReads, goalThroughput, goalCommits, goalTransfer, goalHot, goalScans, goalPostgres,
}

func atMost(name string, measured, limit time.Duration) check {
	return check{name: name, limit: "≤ " + micros(limit), measured: micros(measured), met: measured <= limit}
}

func atLeast(name string, measured, limit float64) check {
	return check{name: name, limit: fmt.Sprintf("≥ %.2f", limit), measured: fmt.Sprintf("%.2f", measured), met: measured >= limit}
}

// all reports whether there is no nil among rs.
func all(rs ...*result) bool {
	for _, r := range rs {
		if r == nil {
			return false
		}
	}
	return true
}

// goalClients is the number of clients at which CPU time and throughput are compared, unless the
// target says otherwise.
const goalClients = 16

func goalPing(rs results) []check {
	ours, floor := rs.find("ping", tandemTarget, goalClients), rs.find("ping", cannedTarget, goalClients)
	if !all(ours, floor) {
		return nil
	}
	return []check{
		atMost("ping: server CPU, canned server's + 5 µs", ours.cpu, floor.cpu+5*time.Microsecond),
		atLeast("ping: throughput at 16 clients, of the canned server's", ours.rate()/floor.rate(), 0.85),
	}
}

func goalReads(rs results) []check {
	ping := rs.find("ping", tandemTarget, goalClients)
	var cs []check
	for _, g := range []struct {
		workload string
		over     time.Duration
	}{
		{"findOne by _id", 12 * time.Microsecond},
		{"findOne by indexed field", 18 * time.Microsecond},
		{"range of 100, index order", 80 * time.Microsecond},
		{"range of 100, scattered", 330 * time.Microsecond},
	} {
		if r := rs.find(g.workload, tandemTarget, goalClients); all(r, ping) {
			cs = append(cs, atMost(g.workload+": server CPU over ping", r.cpu-ping.cpu, g.over))
		}
	}
	return cs
}

func goalThroughput(rs results) []check {
	var cs []check
	for _, w := range []string{"findOne by _id", "findOne by indexed field"} {
		if r, floor := rs.find(w, tandemTarget, goalClients), rs.find(w, cannedTarget, goalClients); all(r, floor) {
			cs = append(cs, atLeast(w+": throughput at 16 clients, of the canned server's", r.rate()/floor.rate(), 0.75))
		}
	}
	return cs
}

func goalCommits(rs results) []check {
	const one, many = 1, 64
	var cs []check
	for _, w := range []string{"insertOne", "updateOne"} {
		r, ping, floor := rs.find(w, tandemTarget, one), rs.find("ping", tandemTarget, one), rs.find(w, engineTarget, one)
		if all(r, ping, floor) {
			cs = append(cs, atMost(w+": median of one client, ping's + 1.3 × engine's + 60 µs",
				r.p50, ping.p50+floor.p50*13/10+60*time.Microsecond))
		}
		r, ping, floor = rs.find(w, tandemTarget, many), rs.find("ping", tandemTarget, many), rs.find(w, engineTarget, many)
		if all(r, ping, floor) {
			cs = append(cs, atMost(w+": server CPU at 64 clients, ping's + engine's + 20 µs", r.cpu, ping.cpu+floor.cpu+20*time.Microsecond))
		}
	}
	return cs
}

func goalTransfer(rs results) []check {
	const trips = 6
	var cs []check
	r, ping, floor := rs.find("transfer", tandemTarget, goalClients), rs.find("ping", tandemTarget, goalClients), rs.find("transfer", engineTarget, goalClients)
	if all(r, ping, floor) {
		cs = append(cs, atMost("transfer: server CPU, 6 × ping's + engine's + 50 µs", r.cpu, trips*ping.cpu+floor.cpu+50*time.Microsecond))
	}
	if floor := rs.find("transfer", cannedTarget, goalClients); all(r, floor) {
		cs = append(cs, atLeast("transfer: throughput at 16 clients, of the canned server's", r.rate()/floor.rate(), 0.6))
	}
	return cs
}

func goalHot(rs results) []check {
	var cs []check
	for _, g := range []struct {
		clients int
		limit   float64
	}{{4, 0.4}, {16, 0.15}} {
		hot, free := rs.find("transfer, hot", tandemTarget, g.clients), rs.find("transfer", tandemTarget, g.clients)
		if all(hot, free) {
			cs = append(cs,
				atLeast(fmt.Sprintf("transfer, hot: throughput at %d clients, of the uncontended one", g.clients), hot.rate()/free.rate(), g.limit),
				atMost(fmt.Sprintf("transfer, hot: longest wait of %d clients", g.clients), hot.worst, 5*time.Second))
		}
	}
	return cs
}

func goalScans(rs results) []check {
	var cs []check
	for _, g := range []struct {
		workload string
		limit    time.Duration // for each document
	}{{"count", 400}, {"match+group", 600}} {
		if r := rs.find(g.workload, tandemTarget, 1); all(r) {
			each := r.cpu / time.Duration(r.documents)
			cs = append(cs, check{
				name: g.workload + ": server CPU per document", limit: fmt.Sprintf("≤ %d ns", g.limit),
				measured: fmt.Sprintf("%d ns", each), met: each <= g.limit,
			})
		}
	}
	return cs
}

func goalPostgres(rs results) []check {
	var cs []check
	for _, wl := range workloads {
		r, peer := rs.find(wl.name, tandemTarget, postgresClients), rs.find(wl.name, postgresTarget, postgresClients)
		if all(r, peer) {
			cs = append(cs, atLeast(wl.name+": throughput at 16 clients, of PostgreSQL's", r.rate()/peer.rate(), 1))
		}
	}
	return cs
}
