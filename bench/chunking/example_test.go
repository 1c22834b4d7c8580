package main

import "fmt"

// A cell has DATA first, then the ratio of each other way to it, by rounds.
func Example_row() {
	c := cell{
		rates: [][]float64{{200, 100, 200}, {100, 75, 210}},
		times: [2][]float64{{41, 40, 60}, {20, 21, 22}},
	}
	fmt.Println(c.row())
	// Output:
	// 200 | 100, 0.75x (0.50-1.05) | 41.00 | 21.00 |
}
