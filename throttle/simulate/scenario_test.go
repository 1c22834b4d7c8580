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
