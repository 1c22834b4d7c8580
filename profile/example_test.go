package profile_test

import (
	"fmt"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// One's own file goes before what comes with the module, and what is set for a
// destination before both.
func Example() {
	own, err := profile.Parse(strings.NewReader(`
[[profile]]
name = "google"

[[profile.figure]]
limits = "connections:20"
source = "our account manager"
`), "own.toml")
	if err != nil {
		fmt.Println(err)
		return
	}
	set := profile.Default().With(own)
	google := set.ByMX("aspmx.l.google.com")
	fmt.Println(google.Limits())

	mine, _ := throttle.ParseLimits("rate:50/s")
	fmt.Println(profile.Merge(mine, google.Limits()))

	classifier, err := classify.New(set.Rules()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	reply := classify.NewReply(550, "5.4.5 Daily user sending limit exceeded.")
	v := classifier.Of(classify.Input{Stage: classify.StageMail, Provider: google.Name}, reply)
	fmt.Println(v.Limit, v.Recipient, v.Rule)
	fmt.Println(google.Help[0])
	// Output:
	// connections:20,per-connection:50
	// connections:20,rate:50/s,per-connection:50
	// quota later google-quota
	// https://postmaster.google.com
}

// Every mistake of a file is named at once, with its line.
func ExampleParse() {
	_, err := profile.Parse(strings.NewReader(`[[profile]]
name = "example"
domain = ["example.net"]

[[profile.figure]]
limits = "connections:many"
`), "own.toml")
	fmt.Println(err)
	// Output:
	// own.toml:3: unknown key "domain": want one of name, domains, mx, relays, help, forms, contacts, figure, rule
	// own.toml:6: throttle: limit "connections" is "many": want a whole number from 1, or "unlimited"
}

// What a service publishes of its accounts, by the server that one logs in to.
func ExampleSet_ByRelay() {
	service := profile.Default().ByRelay("email-smtp.eu-west-1.amazonaws.com")
	fmt.Println(service.Name, service.Limits())
	for _, figure := range service.Figures {
		if figure.Note != "" {
			fmt.Println("-", figure.Note)
		}
	}
	// Output:
	// amazonses per-message:50
	// - The rate and the daily quota are those of the account and region, counted in recipients: 1 a second and 200 a day in the sandbox; GetSendQuota tells yours.
	// - A call that is throttled should be tried again after 5, 10 and 30 seconds, then every 20 minutes.
}
