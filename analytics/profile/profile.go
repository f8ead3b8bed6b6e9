// Package profile holds the product profiles that ship with Waybill: policies for the usual kinds of
// temperature-sensitive goods, each with where its limits come from. They are a beginning; the goods'
// own label and stability data decide. It may import chaincode/ledger and nothing else of the project.
package profile

import (
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Profile is a kind of goods.
type Profile struct {
	Name    string   // as it is asked for
	Aliases []string // other names for it
	Goods   string   // what it is for
	Source  string   // where the limits come from
	Policy  ledger.Policy
}

func hours(h float64) ledger.Millis { return ledger.Millis(h * float64(time.Hour/time.Millisecond)) }

// All gives the profiles, in the order they are listed.
func All() []Profile {
	freeze := func(milli int32) *int32 { return &milli }
	all := []Profile{
		{
			Name: "refrigerated", Aliases: []string{"2-8", "refrigerated-medicine"}, Goods: "medicines and vaccines at 2 to 8 °C, harmed by frost",
			Source: "USP <1079.2>: 2 to 8 °C, up to 15 °C for 24 h, mean kinetic temperature 8 °C over 24 h; WHO freeze alarm: -0.5 °C for 1 h",
			Policy: ledger.Policy{
				Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000, ExcursionFor: hours(24), Grace: hours(0.5),
				MKTMax: 8_000, MKTOver: hours(24), FreezeBelow: freeze(-500), FreezeFor: hours(1),
			},
		},
		{
			Name: "room-temperature", Aliases: []string{"crt", "controlled-room-temperature", "20-25", "room-temperature-medicine"}, Goods: "medicines at controlled room temperature",
			Source: "USP <659>, <1079.2>: 20 to 25 °C, 15 to 30 °C for 24 h, mean kinetic temperature 25 °C over 30 days",
			Policy: ledger.Policy{
				Low: 20_000, High: 25_000, ExcursionLow: 15_000, ExcursionHigh: 30_000, ExcursionFor: hours(24), Grace: hours(1),
				MKTMax: 25_000, MKTOver: hours(30 * 24),
			},
		},
		{
			Name: "cool", Aliases: []string{"8-15"}, Goods: "medicines in a cool place",
			Source: "USP <659>: 8 to 15 °C; the allowances are ours",
			Policy: ledger.Policy{Low: 8_000, High: 15_000, ExcursionLow: 2_000, ExcursionHigh: 25_000, ExcursionFor: hours(24), Grace: hours(0.5)},
		},
		{
			Name: "frozen", Aliases: []string{"frozen-medicine"}, Goods: "medicines and vaccines in a freezer",
			Source: "USP <659>: -25 to -10 °C; the allowances are ours",
			Policy: ledger.Policy{Low: -25_000, High: -10_000, ExcursionLow: -50_000, ExcursionHigh: -5_000, ExcursionFor: hours(2), Grace: hours(0.5)},
		},
		{
			Name: "ultracold", Aliases: []string{"ultra-cold", "dry-ice"}, Goods: "mRNA vaccines and cell therapies on dry ice",
			Source: "labels of mRNA vaccines: -90 to -60 °C; the allowances are ours",
			Policy: ledger.Policy{Low: -90_000, High: -60_000, ExcursionLow: -100_000, ExcursionHigh: -50_000, ExcursionFor: hours(1), Grace: hours(0.25)},
		},
		{
			Name: "frozen-food", Goods: "quick-frozen food",
			Source: "Directive 89/108/EEC: -18 °C or colder, 3 °C warmer for short periods of transport; the length is ours",
			Policy: ledger.Policy{Low: -30_000, High: -18_000, ExcursionLow: -40_000, ExcursionHigh: -15_000, ExcursionFor: hours(3), Grace: hours(0.5)},
		},
		{
			Name: "chilled-food", Aliases: []string{"chilled"}, Goods: "milk, meat, ready meals",
			Source: "FDA Food Code 3-501: 5 °C or colder, at most 4 h above; frost and the higher limit are ours",
			Policy: ledger.Policy{
				Low: 0, High: 5_000, ExcursionLow: -1_000, ExcursionHigh: 8_000, ExcursionFor: hours(4), Grace: hours(0.5),
				FreezeBelow: freeze(-1_500), FreezeFor: hours(1),
			},
		},
	}
	for i := range all {
		all[i].Policy.ID, all[i].Policy.Version, all[i].Policy.Products = all[i].Name, 1, []string{ledger.AnyProduct}
	}
	return all
}

// Find gives the profile of a name or alias, in any case.
func Find(name string) (Profile, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, p := range All() {
		if p.Name == name || slices.Contains(p.Aliases, name) {
			return p, true
		}
	}
	return Profile{}, false
}

// Names gives the profiles' names.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}
