package simulate

import (
	"time"
)

// Place is a site of a company.
type Place struct {
	Name string
	SGLN string // EPC URN
	GLN  string // its 13 digits
}

func newPlace(name, prefix, reference string) Place {
	gln := prefix + reference
	return Place{Name: name, SGLN: sgln(prefix, reference), GLN: gln + checkDigit(gln)}
}

// Weather is the climate of a place, roughly: the year's mean, how far summer and winter lie from
// it, and how far noon and night lie from the day's mean, in degrees Celsius.
type Weather struct{ Mean, Seasonal, Daily float64 }

// Lane is a way that goods take, with what its journeys are drawn from.
type Lane struct {
	Name   string // such as "Basel - Lyon"
	Origin Place  // of the producer
	Stops  []Place
	Target Place // of the retailer
	// Pace is the lane's mean time as a share of the configuration's Journey.
	Pace          float64
	Here, Farther Weather // at the origin and at the target
}

// LegKind says what happens on a leg.
type LegKind string

// The kinds of legs.
const (
	LegDrive LegKind = "drive"
	LegDwell LegKind = "dwell"
)

// Leg is a part of a lane. A drive's time is nearly normal with a deviation of a twentieth of its
// mean; a dwell's is half its mean and an exponential other half, cut at two and a half means.
type Leg struct {
	Kind LegKind
	At   Place // where it dwells, or where the drive ends
	Mean time.Duration
}

const (
	meanStop    = 0.07 // of a lane's mean time, at each stop
	meanArrival = 0.03 // between arrival and receipt
	driveSpread = 0.05
	mostDwell   = 2.5
	// mostJourney bounds a clean journey, in means of the configuration.
	mostJourney = 1.6
)

// Legs are the parts of the lane in order, for the mean journey given: drives of the same mean, a
// dwell at each stop and one at the target.
func (l Lane) Legs(journey time.Duration) []Leg {
	total := float64(float64(journey) * l.Pace)
	stops := float64(len(l.Stops))
	part := func(share float64) time.Duration { return time.Duration(float64(total * share)).Truncate(time.Second) }
	drive := part((1 - float64(stops*meanStop) - meanArrival) / (stops + 1))
	var legs []Leg
	for _, s := range l.Stops {
		legs = append(legs, Leg{LegDrive, s, drive}, Leg{LegDwell, s, part(meanStop)})
	}
	return append(legs, Leg{LegDrive, l.Target, drive}, Leg{LegDwell, l.Target, part(meanArrival)})
}

// Lanes are the simulated lanes. Their climates are rough figures of these regions.
func Lanes() []Lane {
	hub := func(name, reference string) Place { return newPlace(name, carrierPrefix, reference) }
	lane := func(name, reference string, pace float64, here, farther Weather, stops ...Place) Lane {
		return Lane{
			Name: name, Origin: newPlace(name+", dock", producerPrefix, reference), Stops: stops,
			Target: newPlace(name+", shop", retailerPrefix, reference), Pace: pace, Here: here, Farther: farther,
		}
	}
	return []Lane{
		lane("Basel - Lyon", "00001", 0.9, Weather{10.5, 9.5, 5}, Weather{12.5, 9, 5}, hub("Besançon", "00031")),
		lane("Rotterdam - Warsaw", "00002", 1.1, Weather{10.5, 7, 4}, Weather{8.5, 11, 5}, hub("Hanover", "00032"), hub("Poznań", "00033")),
		lane("Leipzig - Milan", "00003", 1, Weather{9.5, 9.5, 5}, Weather{13, 10.5, 5}, hub("Nuremberg", "00034"), hub("Innsbruck", "00035")),
		lane("Valencia - Paris", "00004", 1.05, Weather{18, 7.5, 5}, Weather{11.5, 8, 4.5}, hub("Perpignan", "00036"), hub("Clermont-Ferrand", "00037")),
	}
}

// Season is a time of the year. It is not that of a day's Now: a seed gives the same readings
// whenever it is played.
type Season string

// The seasons. SeasonAny draws one for each shipment.
const (
	SeasonAny    Season = ""
	SeasonWinter Season = "winter"
	SeasonSpring Season = "spring"
	SeasonSummer Season = "summer"
	SeasonAutumn Season = "autumn"
)

// Seasons lists the four.
func Seasons() []Season { return []Season{SeasonWinter, SeasonSpring, SeasonSummer, SeasonAutumn} }

// lean is where the season lies between the year's coldest (-1) and warmest (1).
func (s Season) lean() float64 {
	switch s {
	case SeasonWinter:
		return -1
	case SeasonSummer:
		return 1
	case SeasonSpring:
		return 0.1
	default:
		return -0.1
	}
}
