package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestAllMistakesOfAScenarioAreNamed(t *testing.T) {
	sc := Scenario{
		Name:      "wrong",
		RoundTrip: -time.Second,
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageDot, Model: Outage{}, Reply: tooMuch},
			{At: classify.StageMail, Reply: tooMuch},
			{At: classify.StageMail, Model: Outage{}, Reply: "250 2.0.0 ok"},
			{At: classify.StageRcpt, Model: Outage{}, Reply: "later"},
			{At: classify.StageMail, Model: Outage{}, Domain: "example.com", Reply: tooMuch},
		}}},
		Destinations: []Destination{{Host: 1}, {Messages: -1}},
	}
	_, err := sc.Run(Paced, 1)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`"wrong"`, "RoundTrip", "asked at dot", "no model", "a rule about example.com", `"250 2.0.0 ok"`, `"later"`, "destination 0 is at host 1, of 1", "destination 1: Messages",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %q:\n%v", want, err)
		}
	}
	if _, err := (Scenario{}).Run(Paced, 1); err == nil || !strings.Contains(err.Error(), "at least one destination") {
		t.Errorf("no destination: %v", err)
	}
}

func TestControlNames(t *testing.T) {
	for c := range Control(Controls) {
		if c.String() == "invalid" || c.String() == "" {
			t.Errorf("control %d has no name", c)
		}
	}
	if got := Control(Controls).String(); got != "invalid" {
		t.Errorf("got %q", got)
	}
}

func TestWhatRatesAllow(t *testing.T) {
	stretches := []Stretch{{0, 10}, {time.Minute, 20}}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     float64
	}{
		{"before the change", 0, 30 * time.Second, 300},
		{"across it", 30 * time.Second, 90 * time.Second, 900},
		{"behind it", 2 * time.Minute, 3 * time.Minute, 1200},
		{"nothing", time.Minute, time.Minute, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(stretches, tt.from, tt.to); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRateAt(t *testing.T) {
	stretches := []Stretch{{0, 10}, {time.Minute, 20}}
	for at, want := range map[time.Duration]float64{0: 10, time.Minute - 1: 10, time.Minute: 20, time.Hour: 20} {
		if got := rateAt(stretches, at); got != want {
			t.Errorf("at %v the rate is %v, want %v", at, got, want)
		}
	}
	if got := rateAt(nil, 0); got != 0 {
		t.Errorf("without any the rate is %v", got)
	}
}
