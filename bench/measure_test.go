package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	c := cell{size: 1000, recipients: 10}
	for _, test := range []struct {
		name string
		got  counts
		want string
	}{
		{"all", counts{8, 80, 8000, 4}, ""},
		{"fewer connections", counts{8, 80, 8000, 1}, ""},
		{"a message lost", counts{7, 70, 7000, 4}, "stored 7 messages"},
		{"a message twice", counts{9, 90, 9000, 4}, "stored 9 messages"},
		{"a recipient lost", counts{8, 79, 8000, 4}, "79 recipients"},
		{"a byte altered away", counts{8, 80, 7999, 4}, "7999 bytes"},
		{"more connections", counts{8, 80, 8000, 5}, "5 connections"},
	} {
		err := test.got.check(8, c)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestCount(t *testing.T) {
	p := plan{near: time.Second, far: 2 * time.Second}
	for _, test := range []struct {
		name string
		plan plan
		row  row
		in   cell
		rate float64
		want int
	}{
		{"as long as planned", p, row{}, near, 1003, 1000},
		{"far away", p, row{}, far, 27.1, 52},
		{"never none", p, row{}, far, 0.1, 16},
		{"many where they are cheap", p, row{bulk: true}, near, 1003, bulkMessages},
		{"more if faster", p, row{bulk: true}, near, 50_000, 50_000},
		{"not far away", p, row{bulk: true}, far, 100, 200},
		{"told", plan{messages: 40, near: time.Second}, row{bulk: true}, near, 1003, 40},
	} {
		if got := test.plan.count(test.row, test.in, test.rate); got != test.want {
			t.Errorf("%s: %d messages, want %d", test.name, got, test.want)
		}
	}
}

// broken is a mailer that does not send, or loses one message.
type broken struct {
	mailer
	err error
}

func (b broken) send(n int) error {
	if b.err != nil {
		return b.err
	}
	return b.mailer.send(max(n-1, 1))
}

// A row that fails is out of the cell, says why, and spoils no other.
func TestBrokenRow(t *testing.T) {
	receiver, err := startProcess([]time.Duration{0})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.close()
	with := func(name string, fault error) row {
		return row{name: name, open: func(addr string, l *letter) (mailer, error) {
			m, err := openBound(addr, l)
			return broken{m, fault}, err
		}}
	}
	all := []row{with("fails", errors.New("no route")), with("loses", nil), {name: boundRow, open: openBound}}
	p := plan{rounds: 2, messages: 16, near: time.Millisecond}
	var progress strings.Builder
	rep, err := p.run(receiver, all, []cell{near}, &progress)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]string{"fails": "no route", "loses": "stored 15 messages"} {
		if err := rep.figure(row, near).err; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", row, err, want)
		}
		if rep.entry(row, near) != "error" || rep.rate(row, near) != 0 || strings.Count(progress.String(), want) != 1 {
			t.Errorf("%s: entry %q, rate %v, progress %q", row, rep.entry(row, near), rep.rate(row, near), progress.String())
		}
	}
	if f := rep.figure(boundRow, near); f.err != nil || len(f.rates) != 2 {
		t.Errorf("the row after them: %+v", f)
	}
}
