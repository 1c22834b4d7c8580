package smtpace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestStatusRoundTrips(t *testing.T) {
	for s := NotTried; s <= Unknown; s++ {
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		for _, spelling := range []string{string(text), strings.ToUpper(string(text))} {
			back := Status(99)
			if err := back.UnmarshalText([]byte(spelling)); err != nil || back != s {
				t.Errorf("%q is read as %v, %v; want %v", spelling, back, err, s)
			}
		}
	}
	for _, text := range []string{"", "invalid", "gave up", "delivered "} {
		s := GaveUp
		if err := s.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "not_tried, delivered") || s != GaveUp {
			t.Errorf("%q is read as %v, %v", text, s, err)
		}
	}
	if text, err := Status(5).MarshalText(); err == nil {
		t.Errorf("5 is written as %q", text)
	}
}

func TestStatusSafeToResend(t *testing.T) {
	want := map[Status]bool{NotTried: true, Delivered: false, Refused: true, GaveUp: true, Unknown: false, Unknown + 1: false}
	for s, safe := range want {
		if s.safeToResend() != safe {
			t.Errorf("%v: SafeToResend is %v", s, !safe)
		}
		if (Recipient{Status: s}).SafeToResend() != safe {
			t.Errorf("a recipient %v: SafeToResend is %v", s, !safe)
		}
		if (Recipient{Status: s, Ambiguous: 1}).SafeToResend() {
			t.Errorf("a recipient %v after an ambiguous try may be sent again", s)
		}
	}
}

func TestResultRoundTripsAsJSON(t *testing.T) {
	reply := &classify.Reply{Code: 451, Enhanced: "4.7.1", Text: "greylisted\n\"try\" later <b>"}
	errs := map[string]error{
		"none": nil, "reply": reply, "wrapped": fmt.Errorf("%w; last answer: %w", ErrExpired, reply),
		"plain": io.ErrUnexpectedEOF, "two lines": errors.New("a\nb"),
	}
	replies := map[string]*classify.Reply{"no reply": nil, "with reply": reply, "another reply": {Code: 250, Text: "ok"}}
	for s := NotTried; s <= Unknown; s++ {
		for kind, why := range errs {
			for given, r := range replies {
				t.Run(fmt.Sprint(s, "/", kind, "/", given), func(t *testing.T) {
					roundTrip(t, Recipient{
						Address: "a@x.example", Destination: "x.example", Status: s, Class: classify.ClassGreylisted, Reply: r, Err: why,
						Tries: 3, Attempts: 2, Ambiguous: 1, FirstTry: epoch, LastTry: epoch.Add(time.Hour),
					})
				})
			}
		}
	}
	roundTrip(t, Recipient{Address: "a@x.example"})
}

// TestAStoredErrorWrapsItsOwnReply: an error that was stored wraps the reply beside it
// only where it did so before.
func TestAStoredErrorWrapsItsOwnReply(t *testing.T) {
	for text, want := range map[string]bool{
		`{"error":"late","replied":true,"reply":{"code":451,"text":"no"}}`: true,
		`{"error":"late","reply":{"code":451,"text":"no"}}`:                false,
		`{"error":"late","replied":true}`:                                  false,
	} {
		var r Recipient
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if reply, _ := errors.AsType[*classify.Reply](r.Err); (reply != nil) != want || r.Err.Error() != "late" {
			t.Errorf("%s: error %q wraps %v", text, r.Err, reply)
		}
	}
}

// roundTrip writes and reads a Result with this recipient, and its map form.
func roundTrip(t *testing.T, want Recipient) {
	t.Helper()
	in := Result{ID: "id-1", Recipients: []Recipient{want}, Accepted: epoch, Settled: epoch.Add(time.Minute)}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"id":`, `"recipients":`, `"address":`, `"status":"` + want.Status.String() + `"`} {
		if !strings.Contains(string(text), key) {
			t.Errorf("%s has no %s", text, key)
		}
	}
	var out Result
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got := out.Recipients[0]
	if (got.Err == nil) != (want.Err == nil) || want.Err != nil && got.Err.Error() != want.Err.Error() {
		t.Errorf("Err is %v, want %v", got.Err, want.Err)
	}
	inner, ok := errors.AsType[*classify.Reply](want.Err)
	if ok && want.Reply == inner {
		if back, _ := errors.AsType[*classify.Reply](got.Err); back == nil || *back != *inner {
			t.Errorf("the reply behind Err is %v, want %v", back, inner)
		}
	}
	got.Err, want.Err = nil, nil
	if out.Recipients[0] = got; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if out.ID != in.ID || !out.Accepted.Equal(in.Accepted) || !out.Settled.Equal(in.Settled) {
		t.Errorf("got %+v, want %+v", out, in)
	}
}
