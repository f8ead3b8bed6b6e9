package simulate

// Sensor is a kind of logger.
type Sensor struct {
	Name string
	// Resolution and Noise (one standard deviation) in degrees Celsius.
	Resolution, Noise float64
	// Offset is the most that one of the kind reads wrong for good, either way, in degrees Celsius.
	Offset float64
	// Lag is its time constant in minutes.
	Lag float64
}

// Sensors are the simulated kinds, invented after the classes that data sheets of loggers state.
func Sensors() []Sensor {
	return []Sensor{
		{Name: "digital 0.01 °C", Resolution: 0.01, Noise: 0.03, Offset: 0.1, Lag: 1.5},
		{Name: "platinum 0.05 °C", Resolution: 0.05, Noise: 0.05, Offset: 0.1, Lag: 2},
		{Name: "thermistor 0.1 °C", Resolution: 0.1, Noise: 0.07, Offset: 0.2, Lag: 1.5},
		{Name: "buffered 0.1 °C", Resolution: 0.1, Noise: 0.05, Offset: 0.15, Lag: 6},
	}
}
