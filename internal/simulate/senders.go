package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// What receivers say of senders.
const (
	tooMuchOfSender = "450 4.7.1 rate limit exceeded for this sender domain"
	quotaOfDomain   = "452 4.7.1 daily sending quota exceeded"
	quotaOfAccount  = "452 4.7.1 hourly limit exceeded for this account"
)

// sendersOf returns the mail of so many senders to one destination. Each has a domain of
// its own, and every two belong to one tenant.
func sendersOf(n int) (list []Destination) {
	for i := range n {
		list = append(list, Destination{Name: "example.com", Sender: fmt.Sprintf("news@sender%d.example", i), Tenant: fmt.Sprintf("tenant%d", i/2)})
	}
	return list
}

// senders returns limits of some of the senders at one endpoint, and limits of all
// senders that look alike.
func senders() []Scenario {
	return append(ofSomeSenders(), ofAllSenders()...)
}

// limits adds a rule for the mail of the first so many senders, each by itself, and the
// rate to which the oracle keeps.
func (sc *Scenario) limits(senders int, r Rule, rate float64) {
	if sc.Oracle.Domains == nil {
		sc.Oracle.Domains = map[string]float64{}
	}
	for _, d := range sc.Destinations[:senders] {
		r.Sender = d.Sender
		sc.Hosts[0].Rules = append(sc.Hosts[0].Rules, r)
		sc.Oracle.Domains[d.Sender] = rate * margin
	}
}

// ofSomeSenders returns limits for some of the senders alone.
func ofSomeSenders() []Scenario {
	ten := func(name string) Scenario {
		return Scenario{Name: name, Length: 20 * time.Minute, Hosts: []Receiver{{Rules: []Rule{connections(3)}}}, Destinations: sendersOf(10),
			Oracle: Limits{Connections: 3}, Goals: fair}
	}
	mail := func(m Model, reply string) Rule { return Rule{At: classify.StageMail, Model: m, Reply: reply} }
	one, named, three := ten("1 of 10 sender domains at 2/s"), ten("1 of 10 sender domains at 2/s, said to be the sender's"), ten("3 of 10 sender domains at 2/s")
	one.limits(1, mail(perSecond(2, 5), tooMuch), 2)
	named.limits(1, mail(perSecond(2, 5), tooMuchOfSender), 2)
	three.limits(3, mail(perSecond(2, 5), tooMuch), 2)
	late := ten("1 of 10 sender domains at 2/s, refused at RCPT")
	late.limits(1, Rule{At: classify.StageRcpt, Model: perSecond(2, 5), Reply: tooMuch}, 2)
	both := ten("1 of 10 sender domains at 2/s, and 50/s for all")
	both.limits(1, mail(perSecond(2, 5), tooMuch), 2)
	both.Hosts[0].Rules = append(both.Hosts[0].Rules, mail(perSecond(50, 20), tooMuch))
	both.Oracle.Rate, both.Allowed = steady(50*margin), steady(50)
	tenant := ten("1 of 5 tenants at 4/s, 2 sender domains each")
	tenant.Hosts[0].Rules = append(tenant.Hosts[0].Rules, Rule{At: classify.StageMail, Tenant: "tenant0", Model: perSecond(4, 5), Reply: tooMuch})
	tenant.Oracle.Domains = map[string]float64{tenant.Destinations[0].Sender: 2 * margin, tenant.Destinations[1].Sender: 2 * margin}
	address := ten("1 of 10 addresses of one sender domain at 2/s")
	for i := range address.Destinations {
		address.Destinations[i].Sender, address.Destinations[i].Tenant = fmt.Sprintf("list%d@sender.example", i), ""
	}
	address.limits(1, mail(perSecond(2, 5), tooMuch), 2)
	daily := ten("1 of 10 sender domains at 500 a day, told as a quota")
	daily.Length, daily.Hosts[0].Service = 24*time.Hour, 2*time.Second
	daily.limits(1, mail(SlidingWindow{500, 24 * time.Hour}, quotaOfDomain), 500.0/86400)
	return []Scenario{one, named, three, late, both, tenant, address, daily}
}

// ofAllSenders returns limits of the receiver for all mail, at which few senders are
// refused.
func ofAllSenders() []Scenario {
	all := func(name string, rules ...Rule) Scenario {
		return Scenario{Name: name, Length: 20 * time.Minute, Hosts: []Receiver{{Rules: rules}}, Destinations: sendersOf(10), Goals: fair}
	}
	most := all("50/s, 1 of 10 sender domains has nearly all mail", Rule{At: classify.StageMail, Model: perSecond(50, 20), Reply: tooMuch})
	for i := range most.Destinations[1:] {
		most.Destinations[i+1].Messages = 100
	}
	most.Oracle.Rate, most.Allowed = steady(50*margin), steady(50)
	even := all("50/s, 10 sender domains", Rule{At: classify.StageMail, Model: perSecond(50, 20), Reply: tooMuch})
	even.Oracle.Rate, even.Allowed = steady(50*margin), steady(50)
	noisy := all("noise: 2 % of MAIL, 10 sender domains", at(classify.StageMail, tooMuchOfLate, random(0.02)))
	noisy.Goals = Goals{Refused: 0.04, Goodput: 0.95}
	account := all("relay, 1000 a fixed hour for the account, 10 sender domains", Rule{At: classify.StageRcpt, Model: FixedWindow{1000, time.Hour}, Reply: quotaOfAccount})
	account.Length, account.Oracle.Rate, account.Allowed = 24*time.Hour, steady(1000.0/3600*0.99), steady(1000.0/3600)
	for i := range account.Destinations {
		account.Destinations[i].Name = domain(i)
	}
	quota := all("1000 a fixed hour for all, told as a quota, 10 sender domains", Rule{At: classify.StageMail, Model: FixedWindow{1000, time.Hour}, Reply: quotaOfDomain})
	quota.Length, quota.Oracle.Rate, quota.Allowed = 24*time.Hour, steady(1000.0/3600*0.99), steady(1000.0/3600)
	return []Scenario{most, even, noisy, account, quota}
}
