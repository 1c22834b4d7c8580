package simulate

import "time"

// Run plays the scenario once. The error names all that is wrong with the
// scenario.
func (sc Scenario) Run(c Control, seed uint64) (*Result, error) {
	if err := sc.validate(); err != nil {
		return nil, err
	}
	sc = sc.settle()
	r := &Result{Scenario: sc.Name, Control: c, Seed: seed}
	n := newNetwork(sc, seed, r)
	r.Start = n.start
	s, err := newSender(c, n)
	if err != nil {
		return nil, err
	}
	n.sender = s
	n.run()
	r.Length = n.now
	r.second(max(n.now-time.Nanosecond, 0))
	for _, t := range n.targets {
		r.Destinations = append(r.Destinations, Delivered{t.Name, t.created, t.accepted, t.finished})
	}
	return r, nil
}
