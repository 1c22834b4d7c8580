package profile

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name, own, ceilings, want string
	}{
		{"nothing of one's own", "", "connections:5,rate:10/s", "connections:5,rate:10/s"},
		{"no ceilings", "connections:5,rate:10/s", "", "connections:5,rate:10/s"},
		{"one's own wins, up and down", "connections:50,per-connection:2", "connections:5,per-connection:20", "connections:50,per-connection:2"},
		{"unlimited is one's own, too", "connections:unlimited", "connections:5", "connections:unlimited"},
		{"field by field", "connections:2", "connections:5,connection-rate:1/s,rate:2/s,recipient-rate:3/s burst 9,byte-rate:7/s,per-connection:4,per-message:5,quota:6/d",
			"connections:2,connection-rate:1/s,rate:2/s,recipient-rate:3/s burst 9,byte-rate:7/s,per-connection:4,per-message:5,quota:6/d"},
		{"a burst below the recipients of a message", "recipient-rate:10/s burst 5", "per-message:100", "recipient-rate:10/s burst 5"},
		{"recipients above a burst", "per-message:100", "recipient-rate:10/s burst 5", "per-message:100"},
		{"a quota below a burst", "quota:10/d", "rate:50/s burst 20", "quota:10/d"},
		{"a burst above a quota", "rate:50/s burst 20", "quota:10/d", "rate:50/s burst 20"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Merge(limitsOf(t, tt.own), limitsOf(t, tt.ceilings))
			if got.String() != tt.want {
				t.Errorf("Merge is %v, want %v", got, tt.want)
			}
		})
	}
}

func limitsOf(t *testing.T, text string) throttle.Limits {
	t.Helper()
	if text == "" {
		return throttle.Limits{}
	}
	l, err := throttle.ParseLimits(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whatever two valid Limits are, together they are valid, and nothing of one's
// own is lost.
func TestMergeOfValidLimitsIsValid(t *testing.T) {
	var all []throttle.Limits
	for _, rate := range []throttle.Rate{{}, {Count: 5, Per: time.Second}, {Count: 5, Per: time.Second, Burst: 7}} {
		for _, n := range []int{0, throttle.Unlimited, 1, 6, 50} {
			for _, q := range []throttle.Quota{{}, {Count: 1, Per: time.Hour}, {Count: 6, Per: time.Hour}} {
				l := throttle.Limits{MessageRate: rate, RecipientRate: rate, RecipientsPerMessage: n, Connections: n, Quota: q}
				if l.Validate() == nil {
					all = append(all, l)
				}
			}
		}
	}
	for _, own := range all {
		for _, ceilings := range all {
			got := Merge(own, ceilings)
			if err := got.Validate(); err != nil {
				t.Fatalf("Merge(%v, %v): %v", own, ceilings, err)
			}
			if Merge(own, got) != got || Merge(own, throttle.Limits{}) != own {
				t.Fatalf("Merge(%v, %v) = %v has lost something", own, ceilings, got)
			}
			if overlap(own, got) != own.String() {
				t.Fatalf("overlap(%v, %v) = %q", own, got, overlap(own, got))
			}
		}
	}
}
