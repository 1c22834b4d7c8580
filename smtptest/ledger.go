package smtptest

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// ledger records the transactions and sums of a server.
type ledger struct {
	statsOnly bool

	mu           sync.Mutex
	stats        Stats // but for what the gate and the server count
	replies      map[int]int
	times        map[Stage][]time.Time
	transactions []Transaction
	waiters      []waiter
}

// waiter is told when the messages reach n.
type waiter struct {
	n       int
	reached chan struct{}
}

// event notes that something happened.
func (l *ledger) event(ev Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev.Stage == StageMail {
		l.stats.Mails++
	}
	if !l.statsOnly && ev.Stage != StageIdle {
		l.times[ev.Stage] = append(l.times[ev.Stage], ev.Time)
	}
}

// greeted notes a connection that was greeted or, if not, refused.
func (l *ledger) greeted(ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ok {
		l.stats.Connections++
	} else {
		l.stats.Refused++
	}
}

// reply notes a reply that was given; code 0 stands for none.
func (l *ledger) reply(code int) {
	if code == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replies[code]++
}

// throttled notes a refusal by a limit.
func (l *ledger) throttled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Throttled++
}

// end notes a transaction that has ended.
func (l *ledger) end(t Transaction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.statsOnly {
		l.transactions = append(l.transactions, t)
	}
	if !t.Accepted {
		return
	}
	l.stats.Messages++
	for _, r := range t.Recipients {
		if r.accepted() {
			l.stats.Recipients++
		}
	}
	l.waiters = slices.DeleteFunc(l.waiters, func(w waiter) bool {
		if w.n > l.stats.Messages {
			return false
		}
		close(w.reached)
		return true
	})
}

// reach returns a channel that is closed when n messages were accepted.
func (l *ledger) reach(n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := waiter{n: n, reached: make(chan struct{})}
	if l.stats.Messages >= n {
		close(w.reached)
	} else {
		l.waiters = append(l.waiters, w)
	}
	return w.reached
}

// all returns the transactions, or the accepted ones.
func (l *ledger) all(accepted bool) []Transaction {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.transactions)
	if accepted {
		all = slices.DeleteFunc(all, func(t Transaction) bool { return !t.Accepted })
	}
	return all
}

func (l *ledger) timesOf(stage Stage) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.times[stage])
}

func (l *ledger) sums() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats := l.stats
	stats.Replies = maps.Clone(l.replies)
	return stats
}

// Stats are the sums of a server since its start.
type Stats struct {
	Connections int         // greeted with 220
	Refused     int         // connections that were refused or lost before
	Open        int         // greeted and still counted
	Peak        int         // the most that were ever open at once
	Mails       int         // MAIL commands
	Messages    int         // accepted
	Recipients  int         // accepted recipients of accepted messages
	Throttled   int         // replies given because of a Cap, a Rate or a Greylist
	Replies     map[int]int // replies by code
}
