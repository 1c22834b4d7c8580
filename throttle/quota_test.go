package throttle

import (
	"strings"
	"testing"
	"time"
)

func TestParseQuota(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Quota
		text     string
	}{
		{"a day", "1000/d", Quota{1000, 24 * time.Hour}, "1000/d"},
		{"hours", " 500 / 6h ", Quota{500, 6 * time.Hour}, "500/6h"},
		{"24 hours are a day", "1/24h", Quota{1, 24 * time.Hour}, "1/d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseQuota(tc.in)
			if err != nil || got != tc.want || got.String() != tc.text {
				t.Errorf("ParseQuota(%q) = %+v, %q, %v; want %+v, %q", tc.in, got, got, err, tc.want, tc.text)
			}
		})
	}
	for _, tc := range []struct{ name, in, says string }{
		{"nothing", "", "slash"},
		{"a burst", "1000/d burst 5", `period "d burst 5"`},
		{"zero", "0/d", `count "0"`},
	} {
		t.Run("refuses "+tc.name, func(t *testing.T) {
			got, err := ParseQuota(tc.in)
			if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.HasPrefix(err.Error(), "throttle: quota ") || !got.IsZero() {
				t.Errorf("ParseQuota(%q) = %+v, %v; want an error that says %q", tc.in, got, err, tc.says)
			}
		})
	}
}

func TestQuotaValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   Quota
		want []string
	}{
		{"zero", Quota{}, nil},
		{"set", Quota{1, time.Hour}, nil},
		{"no period", Quota{Count: 1}, []string{"Per is 0"}},
		{"no count", Quota{Per: 1}, []string{"Count is 0"}},
		{"both negative", Quota{-1, -1}, []string{"Count is -1", "Per is -1ns"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantMistakes(t, tc.in.Validate(), tc.want)
			_, err := tc.in.MarshalText()
			wantMistakes(t, err, tc.want)
		})
	}
}
