package unit

// Of gives the unit of a UN/CEFACT code. Source: UN/CEFACT Recommendation 20, annex I; where its
// conversion factors are rounded, or misprinted, the exact definition of the unit stands here instead.
// The unit of a dimension with factor 1 is its base: base = value × Num/Den + Offset.
func Of(code string) (Unit, bool) {
	switch code {
	// absorbedDose
	case "A95":
		return Unit{Code: code, Dimension: "absorbedDose", Num: "1", Den: "1"}, true
	case "C13":
		return Unit{Code: code, Dimension: "absorbedDose", Num: "1", Den: "1000"}, true
	case "C80":
		return Unit{Code: code, Dimension: "absorbedDose", Num: "1", Den: "100"}, true
	case "A61":
		return Unit{Code: code, Dimension: "absorbedDose", Num: "1", Den: "10000"}, true
	// absorbedDoseRate
	case "P54":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "1000"}, true
	case "P55":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "1000000"}, true
	case "P56":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "1000000000"}, true
	case "P57":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "60"}, true
	case "P58":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "60000"}, true
	case "P59":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "60000000"}, true
	case "P60":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "60000000000"}, true
	case "P61":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "3600"}, true
	case "P62":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "3600000"}, true
	case "P63":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "3600000000"}, true
	case "P64":
		return Unit{Code: code, Dimension: "absorbedDoseRate", Num: "1", Den: "3600000000000"}, true
	// acceleration
	case "MSK":
		return Unit{Code: code, Dimension: "acceleration", Num: "1", Den: "1"}, true
	case "A73":
		return Unit{Code: code, Dimension: "acceleration", Num: "381", Den: "1250"}, true
	case "A76":
		return Unit{Code: code, Dimension: "acceleration", Num: "1", Den: "100"}, true
	case "C11":
		return Unit{Code: code, Dimension: "acceleration", Num: "1", Den: "100000"}, true
	case "IV":
		return Unit{Code: code, Dimension: "acceleration", Num: "127", Den: "5000"}, true
	case "K40":
		return Unit{Code: code, Dimension: "acceleration", Num: "196133", Den: "20000"}, true
	case "M38":
		return Unit{Code: code, Dimension: "acceleration", Num: "1000", Den: "1"}, true
	case "M39":
		return Unit{Code: code, Dimension: "acceleration", Num: "1", Den: "100"}, true
	case "M40":
		return Unit{Code: code, Dimension: "acceleration", Num: "1143", Den: "1250"}, true
	case "M41":
		return Unit{Code: code, Dimension: "acceleration", Num: "1", Den: "1000"}, true
	case "M42":
		return Unit{Code: code, Dimension: "acceleration", Num: "201168", Den: "125"}, true
	// amountOfSubstance
	case "C34":
		return Unit{Code: code, Dimension: "amountOfSubstance", Num: "1", Den: "1"}, true
	case "B45":
		return Unit{Code: code, Dimension: "amountOfSubstance", Num: "1000", Den: "1"}, true
	case "C18":
		return Unit{Code: code, Dimension: "amountOfSubstance", Num: "1", Den: "1000"}, true
	case "FH":
		return Unit{Code: code, Dimension: "amountOfSubstance", Num: "1", Den: "1000000"}, true
	// angle
	case "C81":
		return Unit{Code: code, Dimension: "angle", Num: "1", Den: "1"}, true
	case "C25":
		return Unit{Code: code, Dimension: "angle", Num: "1", Den: "1000"}, true
	case "B97":
		return Unit{Code: code, Dimension: "angle", Num: "1", Den: "1000000"}, true
	case "DD":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "2250000000000000000000000000000"}, true
	case "D61":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "135000000000000000000000000000000"}, true
	case "D62":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "8100000000000000000000000000000000"}, true
	case "A91":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "2500000000000000000000000000000"}, true
	case "M43":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "40000000000000000000000000000000"}, true
	case "M44":
		return Unit{Code: code, Dimension: "angle", Num: "39269908169872415480783042291", Den: "6250000000000000000000000000"}, true
	// angularAcceleration
	case "2B":
		return Unit{Code: code, Dimension: "angularAcceleration", Num: "1", Den: "1"}, true
	// angularMomentum
	case "B33":
		return Unit{Code: code, Dimension: "angularMomentum", Num: "1", Den: "1"}, true
	case "C53":
		return Unit{Code: code, Dimension: "angularMomentum", Num: "1", Den: "1"}, true
	// angularVelocity
	case "2A":
		return Unit{Code: code, Dimension: "angularVelocity", Num: "1", Den: "1"}, true
	case "M46":
		return Unit{Code: code, Dimension: "angularVelocity", Num: "39269908169872415480783042291", Den: "375000000000000000000000000000"}, true
	case "RPM":
		return Unit{Code: code, Dimension: "angularVelocity", Num: "39269908169872415480783042291", Den: "375000000000000000000000000000"}, true
	case "RPS":
		return Unit{Code: code, Dimension: "angularVelocity", Num: "39269908169872415480783042291", Den: "6250000000000000000000000000"}, true
	// area
	case "MTK":
		return Unit{Code: code, Dimension: "area", Num: "1", Den: "1"}, true
	case "ACR":
		return Unit{Code: code, Dimension: "area", Num: "62726400000", Den: "15499969"}, true
	case "ARE":
		return Unit{Code: code, Dimension: "area", Num: "100", Den: "1"}, true
	case "CMK":
		return Unit{Code: code, Dimension: "area", Num: "1", Den: "10000"}, true
	case "DAA":
		return Unit{Code: code, Dimension: "area", Num: "1000", Den: "1"}, true
	case "DMK":
		return Unit{Code: code, Dimension: "area", Num: "1", Den: "100"}, true
	case "FTK":
		return Unit{Code: code, Dimension: "area", Num: "145161", Den: "1562500"}, true
	case "H16":
		return Unit{Code: code, Dimension: "area", Num: "100", Den: "1"}, true
	case "H18":
		return Unit{Code: code, Dimension: "area", Num: "10000", Den: "1"}, true
	case "H30":
		return Unit{Code: code, Dimension: "area", Num: "1", Den: "1000000000000"}, true
	case "HAR":
		return Unit{Code: code, Dimension: "area", Num: "10000", Den: "1"}, true
	case "INK":
		return Unit{Code: code, Dimension: "area", Num: "16129", Den: "25000000"}, true
	case "KMK":
		return Unit{Code: code, Dimension: "area", Num: "1000000", Den: "1"}, true
	case "MMK":
		return Unit{Code: code, Dimension: "area", Num: "1", Den: "1000000"}, true
	case "YDK":
		return Unit{Code: code, Dimension: "area", Num: "1306449", Den: "1562500"}, true
	case "MIK":
		return Unit{Code: code, Dimension: "area", Num: "40468564224", Den: "15625"}, true
	// capacitance
	case "FAR":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1"}, true
	case "C10":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1000"}, true
	case "4O":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1000000"}, true
	case "C41":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1000000000"}, true
	case "4T":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1000000000000"}, true
	case "H48":
		return Unit{Code: code, Dimension: "capacitance", Num: "1", Den: "1000000000000000000"}, true
	case "N90":
		return Unit{Code: code, Dimension: "capacitance", Num: "1000", Den: "1"}, true
	// electricCharge
	case "COU":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1"}, true
	case "A8":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1"}, true
	case "AMH":
		return Unit{Code: code, Dimension: "electricCharge", Num: "3600", Den: "1"}, true
	case "B26":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1000", Den: "1"}, true
	case "B86":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1000000"}, true
	case "C40":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1000000000"}, true
	case "C71":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1000000000000"}, true
	case "D77":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1000000", Den: "1"}, true
	case "D86":
		return Unit{Code: code, Dimension: "electricCharge", Num: "1", Den: "1000"}, true
	case "E09":
		return Unit{Code: code, Dimension: "electricCharge", Num: "18", Den: "5"}, true
	case "N95":
		return Unit{Code: code, Dimension: "electricCharge", Num: "60", Den: "1"}, true
	case "TAH":
		return Unit{Code: code, Dimension: "electricCharge", Num: "3600000", Den: "1"}, true
	// conductance
	case "SIE":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1"}, true
	case "B53":
		return Unit{Code: code, Dimension: "conductance", Num: "1000", Den: "1"}, true
	case "B99":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1000000"}, true
	case "C27":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1000"}, true
	case "N92":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1000000000000"}, true
	case "NQ":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1"}, true
	case "NR":
		return Unit{Code: code, Dimension: "conductance", Num: "1", Den: "1000000"}, true
	// conductivity
	case "D10":
		return Unit{Code: code, Dimension: "conductivity", Num: "1", Den: "1"}, true
	case "H61":
		return Unit{Code: code, Dimension: "conductivity", Num: "100", Den: "1"}, true
	case "B77":
		return Unit{Code: code, Dimension: "conductivity", Num: "1000000", Den: "1"}, true
	case "B54":
		return Unit{Code: code, Dimension: "conductivity", Num: "1000", Den: "1"}, true
	case "G42":
		return Unit{Code: code, Dimension: "conductivity", Num: "1", Den: "10000"}, true
	case "G43":
		return Unit{Code: code, Dimension: "conductivity", Num: "1", Den: "1000000"}, true
	case "H91":
		return Unit{Code: code, Dimension: "conductivity", Num: "1", Den: "10"}, true
	// electricCurrent
	case "AMP":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1", Den: "1"}, true
	case "4K":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1", Den: "1000"}, true
	case "B84":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1", Den: "1000000"}, true
	case "C39":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1", Den: "1000000000"}, true
	case "C70":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1", Den: "1000000000000"}, true
	case "B22":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1000", Den: "1"}, true
	case "H38":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "1000000", Den: "1"}, true
	case "N96":
		return Unit{Code: code, Dimension: "electricCurrent", Num: "10", Den: "1"}, true
	// electricCurrentDensity
	case "A41":
		return Unit{Code: code, Dimension: "electricCurrentDensity", Num: "1", Den: "1"}, true
	case "A4":
		return Unit{Code: code, Dimension: "electricCurrentDensity", Num: "10000", Den: "1"}, true
	case "A7":
		return Unit{Code: code, Dimension: "electricCurrentDensity", Num: "1000000", Den: "1"}, true
	case "B23":
		return Unit{Code: code, Dimension: "electricCurrentDensity", Num: "1000", Den: "1"}, true
	case "B66":
		return Unit{Code: code, Dimension: "electricCurrentDensity", Num: "1000000", Den: "1"}, true
	// electricFieldStrength
	case "D50":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "1", Den: "1"}, true
	case "B79":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "1000000", Den: "1"}, true
	case "D47":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "100", Den: "1"}, true
	case "D51":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "1000", Den: "1"}, true
	case "C30":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "1", Den: "1000"}, true
	case "C3":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "1", Den: "1000000"}, true
	case "H23":
		return Unit{Code: code, Dimension: "electricFieldStrength", Num: "5000", Den: "127"}, true
	// density
	case "KMQ":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1"}, true
	case "23":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "A93":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1000"}, true
	case "B34":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "B35":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "B72":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "D41":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "F23":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1"}, true
	case "G31":
		return Unit{Code: code, Dimension: "density", Num: "1000000", Den: "1"}, true
	case "GJ":
		return Unit{Code: code, Dimension: "density", Num: "1000", Den: "1"}, true
	case "GL":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1"}, true
	case "GP":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1000000"}, true
	case "GQ":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1000000000"}, true
	case "H29":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1000000"}, true
	case "M1":
		return Unit{Code: code, Dimension: "density", Num: "1", Den: "1000"}, true
	case "87":
		return Unit{Code: code, Dimension: "density", Num: "28349523125", Den: "1769802912"}, true
	case "GE":
		return Unit{Code: code, Dimension: "density", Num: "736351250", Den: "6145149"}, true
	case "K71":
		return Unit{Code: code, Dimension: "density", Num: "45359237", Den: "454609"}, true
	case "K84":
		return Unit{Code: code, Dimension: "density", Num: "28349523125", Den: "47784678624"}, true
	case "LA":
		return Unit{Code: code, Dimension: "density", Num: "56699046250", Den: "2048383"}, true
	case "G32":
		return Unit{Code: code, Dimension: "density", Num: "28349523125", Den: "764554857984"}, true
	case "K41":
		return Unit{Code: code, Dimension: "density", Num: "2945405", Den: "172064172"}, true
	case "L37":
		return Unit{Code: code, Dimension: "density", Num: "45359237", Den: "7273744"}, true
	case "L38":
		return Unit{Code: code, Dimension: "density", Num: "368175625", Den: "49161192"}, true
	case "L39":
		return Unit{Code: code, Dimension: "density", Num: "28349523125", Den: "16387064"}, true
	case "L92":
		return Unit{Code: code, Dimension: "density", Num: "1984466618750", Den: "1493271207"}, true
	case "L93":
		return Unit{Code: code, Dimension: "density", Num: "3543690390625", Den: "2986542414"}, true
	// ratio
	case "C62":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1"}, true
	case "P1":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "100"}, true
	case "NX":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000"}, true
	case "59":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000"}, true
	case "61":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000000"}, true
	case "60":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "100"}, true
	case "H60":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1"}, true
	case "H65":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000"}, true
	case "J33":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000000"}, true
	case "J36":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000"}, true
	case "J87":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000"}, true
	case "J91":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000"}, true
	case "K62":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1"}, true
	case "L19":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000"}, true
	case "L32":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000000000"}, true
	case "M29":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1"}, true
	case "NA":
		return Unit{Code: code, Dimension: "ratio", Num: "1", Den: "1000000"}, true
	// dynamicViscosity
	case "C65":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "1"}, true
	case "C24":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "1000"}, true
	case "89":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "10"}, true
	case "C7":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "1000"}, true
	case "J32":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "10000000"}, true
	case "N36":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "1"}, true
	case "N38":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "60"}, true
	case "N39":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "86400"}, true
	case "N40":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "3600"}, true
	case "N41":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "1", Den: "10"}, true
	case "K67":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "45359237", Den: "109728000000"}, true
	case "K68":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "45359237", Den: "30480000"}, true
	case "N43":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "45359237", Den: "1828800000"}, true
	case "N44":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "45359237", Den: "2633472000000"}, true
	case "K91":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "8896443230521", Den: "185806080000"}, true
	case "K92":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "8896443230521", Den: "1290320000"}, true
	case "L64":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "8896443230521", Den: "185806080000"}, true
	case "N34":
		return Unit{Code: code, Dimension: "dynamicViscosity", Num: "45359237", Den: "30480000"}, true
	// doseEquivalent
	case "D13":
		return Unit{Code: code, Dimension: "doseEquivalent", Num: "1", Den: "1"}, true
	case "C28":
		return Unit{Code: code, Dimension: "doseEquivalent", Num: "1", Den: "1000"}, true
	case "D91":
		return Unit{Code: code, Dimension: "doseEquivalent", Num: "1", Den: "100"}, true
	case "L31":
		return Unit{Code: code, Dimension: "doseEquivalent", Num: "1", Den: "100000"}, true
	// doseEquivalentRate
	case "P65":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "1"}, true
	case "P66":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "1000"}, true
	case "P67":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "1000000"}, true
	case "P68":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "1000000000"}, true
	case "P69":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "100"}, true
	case "P70":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "3600"}, true
	case "P71":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "3600000"}, true
	case "P72":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "3600000000"}, true
	case "P73":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "3600000000000"}, true
	case "P74":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "60"}, true
	case "P75":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "60000"}, true
	case "P76":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "60000000"}, true
	case "P77":
		return Unit{Code: code, Dimension: "doseEquivalentRate", Num: "1", Den: "60000000000"}, true
	// energy
	case "JOU":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "1"}, true
	case "3B":
		return Unit{Code: code, Dimension: "energy", Num: "1000000", Den: "1"}, true
	case "A13":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "1000000000000000000"}, true
	case "A53":
		return Unit{Code: code, Dimension: "energy", Num: "801088317", Den: "5000000000000000000000000000"}, true
	case "B29":
		return Unit{Code: code, Dimension: "energy", Num: "801088317", Den: "5000000000000000000000000"}, true
	case "B71":
		return Unit{Code: code, Dimension: "energy", Num: "801088317", Den: "5000000000000000000000"}, true
	case "A85":
		return Unit{Code: code, Dimension: "energy", Num: "801088317", Den: "5000000000000000000"}, true
	case "A57":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "10000000"}, true
	case "A68":
		return Unit{Code: code, Dimension: "energy", Num: "1000000000000000000", Den: "1"}, true
	case "A70":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "1000000000000000"}, true
	case "BTU":
		return Unit{Code: code, Dimension: "energy", Num: "52752792631", Den: "50000000"}, true
	case "C15":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "1000"}, true
	case "C68":
		return Unit{Code: code, Dimension: "energy", Num: "1000000000000000", Den: "1"}, true
	case "D30":
		return Unit{Code: code, Dimension: "energy", Num: "1000000000000", Den: "1"}, true
	case "D32":
		return Unit{Code: code, Dimension: "energy", Num: "3600000000000000", Den: "1"}, true
	case "E14":
		return Unit{Code: code, Dimension: "energy", Num: "20934", Den: "5"}, true
	case "GV":
		return Unit{Code: code, Dimension: "energy", Num: "1000000000", Den: "1"}, true
	case "GWH":
		return Unit{Code: code, Dimension: "energy", Num: "3600000000000", Den: "1"}, true
	case "J55":
		return Unit{Code: code, Dimension: "energy", Num: "1", Den: "1"}, true
	case "K51":
		return Unit{Code: code, Dimension: "energy", Num: "209501", Den: "50"}, true
	case "K53":
		return Unit{Code: code, Dimension: "energy", Num: "4184", Den: "1"}, true
	case "J75":
		return Unit{Code: code, Dimension: "energy", Num: "209501", Den: "50000"}, true
	case "KJO":
		return Unit{Code: code, Dimension: "energy", Num: "1000", Den: "1"}, true
	case "KWH":
		return Unit{Code: code, Dimension: "energy", Num: "3600000", Den: "1"}, true
	case "MWH":
		return Unit{Code: code, Dimension: "energy", Num: "3600000000", Den: "1"}, true
	case "WHR":
		return Unit{Code: code, Dimension: "energy", Num: "3600", Den: "1"}, true
	case "85":
		return Unit{Code: code, Dimension: "energy", Num: "3389544870828501", Den: "2500000000000000"}, true
	case "N46":
		return Unit{Code: code, Dimension: "energy", Num: "6584392202157", Den: "156250000000000"}, true
	case "N47":
		return Unit{Code: code, Dimension: "energy", Num: "2194797400719", Den: "625000000000000"}, true
	case "N71":
		return Unit{Code: code, Dimension: "energy", Num: "105506000", Den: "1"}, true
	case "N72":
		return Unit{Code: code, Dimension: "energy", Num: "105480400", Den: "1"}, true
	// energyDensity
	case "B8":
		return Unit{Code: code, Dimension: "energyDensity", Num: "1", Den: "1"}, true
	case "A60":
		return Unit{Code: code, Dimension: "energyDensity", Num: "1", Den: "10"}, true
	case "JM":
		return Unit{Code: code, Dimension: "energyDensity", Num: "1000000", Den: "1"}, true
	// exposure
	case "CKG":
		return Unit{Code: code, Dimension: "exposure", Num: "1", Den: "1"}, true
	case "C8":
		return Unit{Code: code, Dimension: "exposure", Num: "1", Den: "1000"}, true
	case "2C":
		return Unit{Code: code, Dimension: "exposure", Num: "129", Den: "500000"}, true
	case "2Y":
		return Unit{Code: code, Dimension: "exposure", Num: "129", Den: "500000000"}, true
	// luminousExposure
	case "B64":
		return Unit{Code: code, Dimension: "luminousExposure", Num: "1", Den: "1"}, true
	case "B63":
		return Unit{Code: code, Dimension: "luminousExposure", Num: "3600", Den: "1"}, true
	// volumeFlowRate
	case "MQS":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "1"}, true
	case "MQH":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "3600"}, true
	case "2J":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "1000000"}, true
	case "40":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "1000000"}, true
	case "41":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "60000000"}, true
	case "4X":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "3600"}, true
	case "L2":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "60000"}, true
	case "LD":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "86400000"}, true
	case "J90":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "86400000"}, true
	case "J92":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "60000"}, true
	case "J93":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1", Den: "1000"}, true
	case "2K":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "6145149", Den: "781250000000"}, true
	case "2L":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "18435447", Den: "39062500000"}, true
	case "K22":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "2048383", Den: "6250000000000"}, true
	case "G2":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "157725491", Den: "2500000000000"}, true
	case "K30":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "473176473", Den: "125000000000"}, true
	case "G3":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "454609", Den: "6000000000"}, true
	case "K26":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "454609", Den: "8640000000000"}, true
	case "K27":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "454609", Den: "360000000000"}, true
	case "K28":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "454609", Den: "100000000"}, true
	case "M12":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "55306341", Den: "6250000000000"}, true
	case "M13":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "165919023", Den: "781250000000"}, true
	case "M15":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "497757069", Den: "39062500000"}, true
	case "M16":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1493271207", Den: "1953125000"}, true
	case "5A":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "3312235311", Den: "1250000000000"}, true
	case "J62":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "1104078437", Den: "25000000000000"}, true
	case "J63":
		return Unit{Code: code, Dimension: "volumeFlowRate", Num: "9936705933", Den: "62500000000"}, true
	// force
	case "NEW":
		return Unit{Code: code, Dimension: "force", Num: "1", Den: "1"}, true
	case "B37":
		return Unit{Code: code, Dimension: "force", Num: "196133", Den: "20000"}, true
	case "B47":
		return Unit{Code: code, Dimension: "force", Num: "1000", Den: "1"}, true
	case "B51":
		return Unit{Code: code, Dimension: "force", Num: "196133", Den: "20000"}, true
	case "B73":
		return Unit{Code: code, Dimension: "force", Num: "1000000", Den: "1"}, true
	case "B92":
		return Unit{Code: code, Dimension: "force", Num: "1", Den: "1000000"}, true
	case "C20":
		return Unit{Code: code, Dimension: "force", Num: "1", Den: "1000"}, true
	case "C78":
		return Unit{Code: code, Dimension: "force", Num: "8896443230521", Den: "2000000000000"}, true
	case "DU":
		return Unit{Code: code, Dimension: "force", Num: "1", Den: "100000"}, true
	case "L40":
		return Unit{Code: code, Dimension: "force", Num: "8896443230521", Den: "32000000000000"}, true
	case "L94":
		return Unit{Code: code, Dimension: "force", Num: "8896443230521", Den: "1000000000"}, true
	case "M75":
		return Unit{Code: code, Dimension: "force", Num: "8896443230521", Den: "2000000000"}, true
	case "M76":
		return Unit{Code: code, Dimension: "force", Num: "17281869297", Den: "125000000000"}, true
	case "M77":
		return Unit{Code: code, Dimension: "force", Num: "1", Den: "1"}, true
	case "M78":
		return Unit{Code: code, Dimension: "force", Num: "196133", Den: "20000000"}, true
	// frequency
	case "HTZ":
		return Unit{Code: code, Dimension: "frequency", Num: "1", Den: "1"}, true
	case "C97":
		return Unit{Code: code, Dimension: "frequency", Num: "1", Den: "1"}, true
	case "C94":
		return Unit{Code: code, Dimension: "frequency", Num: "1", Den: "60"}, true
	case "KHZ":
		return Unit{Code: code, Dimension: "frequency", Num: "1000", Den: "1"}, true
	case "MHZ":
		return Unit{Code: code, Dimension: "frequency", Num: "1000000", Den: "1"}, true
	case "A86":
		return Unit{Code: code, Dimension: "frequency", Num: "1000000000", Den: "1"}, true
	case "D29":
		return Unit{Code: code, Dimension: "frequency", Num: "1000000000000", Den: "1"}, true
	// illuminance
	case "LUX":
		return Unit{Code: code, Dimension: "illuminance", Num: "1", Den: "1"}, true
	case "B60":
		return Unit{Code: code, Dimension: "illuminance", Num: "1", Den: "1"}, true
	case "KLX":
		return Unit{Code: code, Dimension: "illuminance", Num: "1000", Den: "1"}, true
	case "P25":
		return Unit{Code: code, Dimension: "illuminance", Num: "1562500", Den: "145161"}, true
	case "P26":
		return Unit{Code: code, Dimension: "illuminance", Num: "10000", Den: "1"}, true
	case "P27":
		return Unit{Code: code, Dimension: "illuminance", Num: "1562500", Den: "145161"}, true
	// linearMomentum
	case "B31":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "1", Den: "1"}, true
	case "C57":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "1", Den: "1"}, true
	case "M98":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "1", Den: "100"}, true
	case "M99":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "1", Den: "100000"}, true
	case "N10":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "17281869297", Den: "125000000000"}, true
	case "N11":
		return Unit{Code: code, Dimension: "linearMomentum", Num: "5760623099", Den: "500000000000"}, true
	// inductance
	case "81":
		return Unit{Code: code, Dimension: "inductance", Num: "1", Den: "1"}, true
	case "B90":
		return Unit{Code: code, Dimension: "inductance", Num: "1", Den: "1000000"}, true
	case "C14":
		return Unit{Code: code, Dimension: "inductance", Num: "1", Den: "1000"}, true
	case "C43":
		return Unit{Code: code, Dimension: "inductance", Num: "1", Den: "1000000000"}, true
	case "C73":
		return Unit{Code: code, Dimension: "inductance", Num: "1", Den: "1000000000000"}, true
	case "P24":
		return Unit{Code: code, Dimension: "inductance", Num: "1000", Den: "1"}, true
	// irradiance
	case "D54":
		return Unit{Code: code, Dimension: "irradiance", Num: "1", Den: "1"}, true
	case "C32":
		return Unit{Code: code, Dimension: "irradiance", Num: "1", Den: "1000"}, true
	case "C76":
		return Unit{Code: code, Dimension: "irradiance", Num: "1", Den: "1000000000000"}, true
	case "D85":
		return Unit{Code: code, Dimension: "irradiance", Num: "1", Den: "1000000"}, true
	case "N48":
		return Unit{Code: code, Dimension: "irradiance", Num: "10000", Den: "1"}, true
	case "N49":
		return Unit{Code: code, Dimension: "irradiance", Num: "25000000", Den: "16129"}, true
	// kinematicViscosity
	case "S4":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "1", Den: "1"}, true
	case "4C":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "1", Den: "1000000"}, true
	case "91":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "1", Den: "10000"}, true
	case "C17":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "1", Den: "1000000"}, true
	case "M79":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "16129", Den: "625000000"}, true
	case "M81":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "1", Den: "10000"}, true
	case "S3":
		return Unit{Code: code, Dimension: "kinematicViscosity", Num: "145161", Den: "1562500"}, true
	// length
	case "MTR":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "1"}, true
	case "4H":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "1000000"}, true
	case "A11":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "10000000000"}, true
	case "A12":
		return Unit{Code: code, Dimension: "length", Num: "149597870700", Den: "1"}, true
	case "A45":
		return Unit{Code: code, Dimension: "length", Num: "10", Den: "1"}, true
	case "A71":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "1000000000000000"}, true
	case "AK":
		return Unit{Code: code, Dimension: "length", Num: "1143", Den: "625"}, true
	case "B57":
		return Unit{Code: code, Dimension: "length", Num: "9460730472580800", Den: "1"}, true
	case "C45":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "1000000000"}, true
	case "CMT":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "100"}, true
	case "DMT":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "10"}, true
	case "FOT":
		return Unit{Code: code, Dimension: "length", Num: "381", Den: "1250"}, true
	case "HMT":
		return Unit{Code: code, Dimension: "length", Num: "100", Den: "1"}, true
	case "INH":
		return Unit{Code: code, Dimension: "length", Num: "127", Den: "5000"}, true
	case "KMT":
		return Unit{Code: code, Dimension: "length", Num: "1000", Den: "1"}, true
	case "M49":
		return Unit{Code: code, Dimension: "length", Num: "79200", Den: "3937"}, true
	case "M50":
		return Unit{Code: code, Dimension: "length", Num: "25146", Den: "125"}, true
	case "M51":
		return Unit{Code: code, Dimension: "length", Num: "1200", Den: "3937"}, true
	case "MMT":
		return Unit{Code: code, Dimension: "length", Num: "1", Den: "1000"}, true
	case "NMI":
		return Unit{Code: code, Dimension: "length", Num: "1852", Den: "1"}, true
	case "SMI":
		return Unit{Code: code, Dimension: "length", Num: "201168", Den: "125"}, true
	case "X1":
		return Unit{Code: code, Dimension: "length", Num: "12573", Den: "625"}, true
	case "YRD":
		return Unit{Code: code, Dimension: "length", Num: "1143", Den: "1250"}, true
	// luminance
	case "A24":
		return Unit{Code: code, Dimension: "luminance", Num: "1", Den: "1"}, true
	case "P31":
		return Unit{Code: code, Dimension: "luminance", Num: "10000", Den: "1"}, true
	case "P28":
		return Unit{Code: code, Dimension: "luminance", Num: "25000000", Den: "16129"}, true
	// luminousFlux
	case "LUM":
		return Unit{Code: code, Dimension: "luminousFlux", Num: "1", Den: "1"}, true
	// luminousIntensity
	case "CDL":
		return Unit{Code: code, Dimension: "luminousIntensity", Num: "1", Den: "1"}, true
	case "P33":
		return Unit{Code: code, Dimension: "luminousIntensity", Num: "1000", Den: "1"}, true
	case "P34":
		return Unit{Code: code, Dimension: "luminousIntensity", Num: "1", Den: "1000"}, true
	// magneticFlux
	case "WEB":
		return Unit{Code: code, Dimension: "magneticFlux", Num: "1", Den: "1"}, true
	case "C33":
		return Unit{Code: code, Dimension: "magneticFlux", Num: "1", Den: "1000"}, true
	case "P11":
		return Unit{Code: code, Dimension: "magneticFlux", Num: "1000", Den: "1"}, true
	// magneticFluxDensity
	case "D33":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1", Den: "1"}, true
	case "C29":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1", Den: "1000"}, true
	case "C48":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1", Den: "1000000000"}, true
	case "D81":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1", Den: "1000000"}, true
	case "P12":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1", Den: "1000000000"}, true
	case "P13":
		return Unit{Code: code, Dimension: "magneticFluxDensity", Num: "1000", Den: "1"}, true
	// magneticVectorPotential
	case "D59":
		return Unit{Code: code, Dimension: "magneticVectorPotential", Num: "1", Den: "1"}, true
	case "B56":
		return Unit{Code: code, Dimension: "magneticVectorPotential", Num: "1000", Den: "1"}, true
	case "D60":
		return Unit{Code: code, Dimension: "magneticVectorPotential", Num: "1000", Den: "1"}, true
	// mass
	case "KGM":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "1"}, true
	case "2U":
		return Unit{Code: code, Dimension: "mass", Num: "1000", Den: "1"}, true
	case "APZ":
		return Unit{Code: code, Dimension: "mass", Num: "19439673", Den: "625000000"}, true
	case "CGM":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "100000"}, true
	case "CWA":
		return Unit{Code: code, Dimension: "mass", Num: "45359237", Den: "1000000"}, true
	case "CWI":
		return Unit{Code: code, Dimension: "mass", Num: "317514659", Den: "6250000"}, true
	case "DG":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "10000"}, true
	case "DJ":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "100"}, true
	case "DTN":
		return Unit{Code: code, Dimension: "mass", Num: "100", Den: "1"}, true
	case "GRM":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "1000"}, true
	case "GRN":
		return Unit{Code: code, Dimension: "mass", Num: "6479891", Den: "100000000000"}, true
	case "HGM":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "10"}, true
	case "KTN":
		return Unit{Code: code, Dimension: "mass", Num: "1000000", Den: "1"}, true
	case "LBR":
		return Unit{Code: code, Dimension: "mass", Num: "45359237", Den: "100000000"}, true
	case "LTN":
		return Unit{Code: code, Dimension: "mass", Num: "317514659", Den: "312500"}, true
	case "M86":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "2"}, true
	case "MC":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "1000000000"}, true
	case "MGM":
		return Unit{Code: code, Dimension: "mass", Num: "1", Den: "1000000"}, true
	case "ONZ":
		return Unit{Code: code, Dimension: "mass", Num: "45359237", Den: "1600000000"}, true
	case "STI":
		return Unit{Code: code, Dimension: "mass", Num: "317514659", Den: "50000000"}, true
	case "STN":
		return Unit{Code: code, Dimension: "mass", Num: "45359237", Den: "50000"}, true
	case "TNE":
		return Unit{Code: code, Dimension: "mass", Num: "1000", Den: "1"}, true
	// massFlowRate
	case "KGS":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "1"}, true
	case "F31":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "60"}, true
	case "E93":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "3600"}, true
	case "F30":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "86400"}, true
	case "F29":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "1000"}, true
	case "F28":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "60000"}, true
	case "F27":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "3600000"}, true
	case "F26":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "86400000"}, true
	case "F34":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "1000000"}, true
	case "F33":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "60000000"}, true
	case "4M":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "3600000000"}, true
	case "F32":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "1", Den: "86400000000"}, true
	case "4U":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "45359237", Den: "360000000000"}, true
	case "E18":
		return Unit{Code: code, Dimension: "massFlowRate", Num: "5", Den: "18"}, true
	// massPerAreaTime
	case "H56":
		return Unit{Code: code, Dimension: "massPerAreaTime", Num: "1", Den: "1"}, true
	// memoryCapacity
	case "A99":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "1", Den: "1"}, true
	case "AD":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8", Den: "1"}, true
	case "2P":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8000", Den: "1"}, true
	case "4L":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8000000", Den: "1"}, true
	case "E34":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8000000000", Den: "1"}, true
	case "E35":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8000000000000", Den: "1"}, true
	case "E36":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8000000000000000", Den: "1"}, true
	case "E64":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8192", Den: "1"}, true
	case "E63":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8388608", Den: "1"}, true
	case "E62":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8589934592", Den: "1"}, true
	case "E61":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "8796093022208", Den: "1"}, true
	case "E60":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "9007199254740992", Den: "1"}, true
	case "C37":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "1000", Den: "1"}, true
	case "D36":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "1000000", Den: "1"}, true
	case "B68":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "1000000000", Den: "1"}, true
	case "E83":
		return Unit{Code: code, Dimension: "memoryCapacity", Num: "1000000000000", Den: "1"}, true
	// molality
	case "C19":
		return Unit{Code: code, Dimension: "molality", Num: "1", Den: "1"}, true
	case "D87":
		return Unit{Code: code, Dimension: "molality", Num: "1", Den: "1000"}, true
	case "P47":
		return Unit{Code: code, Dimension: "molality", Num: "1000", Den: "1"}, true
	// molarConcentration
	case "C36":
		return Unit{Code: code, Dimension: "molarConcentration", Num: "1", Den: "1"}, true
	case "B46":
		return Unit{Code: code, Dimension: "molarConcentration", Num: "1000", Den: "1"}, true
	case "C35":
		return Unit{Code: code, Dimension: "molarConcentration", Num: "1000", Den: "1"}, true
	case "C38":
		return Unit{Code: code, Dimension: "molarConcentration", Num: "1000", Den: "1"}, true
	case "M33":
		return Unit{Code: code, Dimension: "molarConcentration", Num: "1", Den: "1"}, true
	// molarEnergy
	case "B15":
		return Unit{Code: code, Dimension: "molarEnergy", Num: "1", Den: "1"}, true
	case "B44":
		return Unit{Code: code, Dimension: "molarEnergy", Num: "1000", Den: "1"}, true
	// molarMass
	case "D74":
		return Unit{Code: code, Dimension: "molarMass", Num: "1", Den: "1"}, true
	case "A94":
		return Unit{Code: code, Dimension: "molarMass", Num: "1", Den: "1000"}, true
	// molarVolume
	case "A40":
		return Unit{Code: code, Dimension: "molarVolume", Num: "1", Den: "1"}, true
	case "A36":
		return Unit{Code: code, Dimension: "molarVolume", Num: "1", Den: "1000000"}, true
	case "A37":
		return Unit{Code: code, Dimension: "molarVolume", Num: "1", Den: "1000"}, true
	case "B58":
		return Unit{Code: code, Dimension: "molarVolume", Num: "1", Den: "1000"}, true
	// power
	case "WTT":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1"}, true
	case "2I":
		return Unit{Code: code, Dimension: "power", Num: "52752792631", Den: "180000000000"}, true
	case "J44":
		return Unit{Code: code, Dimension: "power", Num: "52752792631", Den: "3000000000"}, true
	case "J45":
		return Unit{Code: code, Dimension: "power", Num: "52752792631", Den: "50000000"}, true
	case "A25":
		return Unit{Code: code, Dimension: "power", Num: "588399", Den: "800"}, true
	case "HJ":
		return Unit{Code: code, Dimension: "power", Num: "588399", Den: "800"}, true
	case "N12":
		return Unit{Code: code, Dimension: "power", Num: "588399", Den: "800"}, true
	case "A63":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "10000000"}, true
	case "A74":
		return Unit{Code: code, Dimension: "power", Num: "3389544870828501", Den: "2500000000000000"}, true
	case "K15":
		return Unit{Code: code, Dimension: "power", Num: "1129848290276167", Den: "3000000000000000000"}, true
	case "K16":
		return Unit{Code: code, Dimension: "power", Num: "1129848290276167", Den: "50000000000000000"}, true
	case "A90":
		return Unit{Code: code, Dimension: "power", Num: "1000000000", Den: "1"}, true
	case "B39":
		return Unit{Code: code, Dimension: "power", Num: "196133", Den: "20000"}, true
	case "BHP":
		return Unit{Code: code, Dimension: "power", Num: "37284993579113511", Den: "50000000000000"}, true
	case "C31":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1000"}, true
	case "C49":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1000000000"}, true
	case "C75":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1000000000000"}, true
	case "D31":
		return Unit{Code: code, Dimension: "power", Num: "1000000000000", Den: "1"}, true
	case "D46":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1"}, true
	case "D80":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1000000"}, true
	case "J81":
		return Unit{Code: code, Dimension: "power", Num: "523", Den: "7500"}, true
	case "J82":
		return Unit{Code: code, Dimension: "power", Num: "523", Den: "125"}, true
	case "K43":
		return Unit{Code: code, Dimension: "power", Num: "746", Den: "1"}, true
	case "E15":
		return Unit{Code: code, Dimension: "power", Num: "523", Den: "450"}, true
	case "K54":
		return Unit{Code: code, Dimension: "power", Num: "1046", Den: "15"}, true
	case "K55":
		return Unit{Code: code, Dimension: "power", Num: "4184", Den: "1"}, true
	case "KWT":
		return Unit{Code: code, Dimension: "power", Num: "1000", Den: "1"}, true
	case "MAW":
		return Unit{Code: code, Dimension: "power", Num: "1000000", Den: "1"}, true
	case "P14":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "1"}, true
	case "P15":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "60"}, true
	case "P16":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "3600"}, true
	case "P17":
		return Unit{Code: code, Dimension: "power", Num: "1", Den: "86400"}, true
	case "P18":
		return Unit{Code: code, Dimension: "power", Num: "1000", Den: "1"}, true
	case "P19":
		return Unit{Code: code, Dimension: "power", Num: "50", Den: "3"}, true
	case "P20":
		return Unit{Code: code, Dimension: "power", Num: "5", Den: "18"}, true
	case "P21":
		return Unit{Code: code, Dimension: "power", Num: "5", Den: "432"}, true
	// pressure
	case "PAL":
		return Unit{Code: code, Dimension: "pressure", Num: "1", Den: "1"}, true
	case "74":
		return Unit{Code: code, Dimension: "pressure", Num: "1", Den: "1000"}, true
	case "84":
		return Unit{Code: code, Dimension: "pressure", Num: "8896443230521", Den: "1290320"}, true
	case "A89":
		return Unit{Code: code, Dimension: "pressure", Num: "1000000000", Den: "1"}, true
	case "A97":
		return Unit{Code: code, Dimension: "pressure", Num: "100", Den: "1"}, true
	case "ATM":
		return Unit{Code: code, Dimension: "pressure", Num: "101325", Den: "1"}, true
	case "ATT":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "2"}, true
	case "B40":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "20000"}, true
	case "B96":
		return Unit{Code: code, Dimension: "pressure", Num: "1", Den: "1000000"}, true
	case "BAR":
		return Unit{Code: code, Dimension: "pressure", Num: "100000", Den: "1"}, true
	case "C55":
		return Unit{Code: code, Dimension: "pressure", Num: "1", Den: "1"}, true
	case "C56":
		return Unit{Code: code, Dimension: "pressure", Num: "1000000", Den: "1"}, true
	case "E41":
		return Unit{Code: code, Dimension: "pressure", Num: "9806650", Den: "1"}, true
	case "E42":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "2"}, true
	case "F78":
		return Unit{Code: code, Dimension: "pressure", Num: "24908891", Den: "100000"}, true
	case "F79":
		return Unit{Code: code, Dimension: "pressure", Num: "3386389", Den: "1000"}, true
	case "H75":
		return Unit{Code: code, Dimension: "pressure", Num: "10", Den: "1"}, true
	case "H78":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "2000"}, true
	case "HN":
		return Unit{Code: code, Dimension: "pressure", Num: "26664477483", Den: "200000000"}, true
	case "HP":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "20000"}, true
	case "J89":
		return Unit{Code: code, Dimension: "pressure", Num: "26664477483", Den: "20000000"}, true
	case "K31":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "2000"}, true
	case "K85":
		return Unit{Code: code, Dimension: "pressure", Num: "8896443230521", Den: "185806080000"}, true
	case "KPA":
		return Unit{Code: code, Dimension: "pressure", Num: "1000", Den: "1"}, true
	case "MBR":
		return Unit{Code: code, Dimension: "pressure", Num: "100", Den: "1"}, true
	case "MPA":
		return Unit{Code: code, Dimension: "pressure", Num: "1000000", Den: "1"}, true
	case "N20":
		return Unit{Code: code, Dimension: "pressure", Num: "8896443230521", Den: "1290320"}, true
	case "N21":
		return Unit{Code: code, Dimension: "pressure", Num: "45359237", Den: "30480000"}, true
	case "N23":
		return Unit{Code: code, Dimension: "pressure", Num: "196133", Den: "20"}, true
	case "PS":
		return Unit{Code: code, Dimension: "pressure", Num: "8896443230521", Den: "1290320000"}, true
	case "UA":
		return Unit{Code: code, Dimension: "pressure", Num: "20265", Den: "152"}, true
	// radioactivity
	case "BQL":
		return Unit{Code: code, Dimension: "radioactivity", Num: "1", Den: "1"}, true
	case "2Q":
		return Unit{Code: code, Dimension: "radioactivity", Num: "1000", Den: "1"}, true
	case "2R":
		return Unit{Code: code, Dimension: "radioactivity", Num: "37000000000000", Den: "1"}, true
	case "4N":
		return Unit{Code: code, Dimension: "radioactivity", Num: "1000000", Den: "1"}, true
	case "CUR":
		return Unit{Code: code, Dimension: "radioactivity", Num: "37000000000", Den: "1"}, true
	case "GBQ":
		return Unit{Code: code, Dimension: "radioactivity", Num: "1000000000", Den: "1"}, true
	case "H08":
		return Unit{Code: code, Dimension: "radioactivity", Num: "1", Den: "1000000"}, true
	case "M5":
		return Unit{Code: code, Dimension: "radioactivity", Num: "37000", Den: "1"}, true
	case "MCU":
		return Unit{Code: code, Dimension: "radioactivity", Num: "37000000", Den: "1"}, true
	// radiantIntensity
	case "D57":
		return Unit{Code: code, Dimension: "radiantIntensity", Num: "1", Den: "1"}, true
	// resistance
	case "OHM":
		return Unit{Code: code, Dimension: "resistance", Num: "1", Den: "1"}, true
	case "A87":
		return Unit{Code: code, Dimension: "resistance", Num: "1000000000", Den: "1"}, true
	case "B49":
		return Unit{Code: code, Dimension: "resistance", Num: "1000", Den: "1"}, true
	case "B75":
		return Unit{Code: code, Dimension: "resistance", Num: "1000000", Den: "1"}, true
	case "B94":
		return Unit{Code: code, Dimension: "resistance", Num: "1", Den: "1000000"}, true
	case "E45":
		return Unit{Code: code, Dimension: "resistance", Num: "1", Den: "1000"}, true
	case "H44":
		return Unit{Code: code, Dimension: "resistance", Num: "1000000000000", Den: "1"}, true
	case "P22":
		return Unit{Code: code, Dimension: "resistance", Num: "1", Den: "1000000000"}, true
	// resistivity
	case "C61":
		return Unit{Code: code, Dimension: "resistivity", Num: "1", Den: "1"}, true
	case "B76":
		return Unit{Code: code, Dimension: "resistivity", Num: "1000000", Den: "1"}, true
	case "A88":
		return Unit{Code: code, Dimension: "resistivity", Num: "1000000000", Den: "1"}, true
	case "B50":
		return Unit{Code: code, Dimension: "resistivity", Num: "1000", Den: "1"}, true
	case "C60":
		return Unit{Code: code, Dimension: "resistivity", Num: "1", Den: "100"}, true
	case "C23":
		return Unit{Code: code, Dimension: "resistivity", Num: "1", Den: "1000"}, true
	case "B95":
		return Unit{Code: code, Dimension: "resistivity", Num: "1", Den: "1000000"}, true
	case "C46":
		return Unit{Code: code, Dimension: "resistivity", Num: "1", Den: "1000000000"}, true
	// solidAngle
	case "D27":
		return Unit{Code: code, Dimension: "solidAngle", Num: "1", Den: "1"}, true
	// specificVolume
	case "A39":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1", Den: "1"}, true
	case "22":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1", Den: "10"}, true
	case "H83":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1", Den: "1000"}, true
	case "KX":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1", Den: "1000000"}, true
	case "N28":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1", Den: "1000"}, true
	case "N29":
		return Unit{Code: code, Dimension: "specificVolume", Num: "1769802912", Den: "28349523125"}, true
	case "N30":
		return Unit{Code: code, Dimension: "specificVolume", Num: "2048383", Den: "56699046250"}, true
	// speed
	case "MTS":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "1"}, true
	case "2M":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "100"}, true
	case "2X":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "60"}, true
	case "C16":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "1000"}, true
	case "FR":
		return Unit{Code: code, Dimension: "speed", Num: "127", Den: "25000"}, true
	case "FS":
		return Unit{Code: code, Dimension: "speed", Num: "381", Den: "1250"}, true
	case "H49":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "360000"}, true
	case "H67":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "3600000"}, true
	case "H81":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "60000"}, true
	case "HM":
		return Unit{Code: code, Dimension: "speed", Num: "1397", Den: "3125"}, true
	case "IU":
		return Unit{Code: code, Dimension: "speed", Num: "127", Den: "5000"}, true
	case "K14":
		return Unit{Code: code, Dimension: "speed", Num: "127", Den: "1500000"}, true
	case "KMH":
		return Unit{Code: code, Dimension: "speed", Num: "5", Den: "18"}, true
	case "KNT":
		return Unit{Code: code, Dimension: "speed", Num: "463", Den: "900"}, true
	case "M57":
		return Unit{Code: code, Dimension: "speed", Num: "16764", Den: "625"}, true
	case "M58":
		return Unit{Code: code, Dimension: "speed", Num: "201168", Den: "125"}, true
	case "M60":
		return Unit{Code: code, Dimension: "speed", Num: "1", Den: "3600"}, true
	case "M62":
		return Unit{Code: code, Dimension: "speed", Num: "1000", Den: "1"}, true
	case "M63":
		return Unit{Code: code, Dimension: "speed", Num: "127", Den: "300000"}, true
	case "M64":
		return Unit{Code: code, Dimension: "speed", Num: "1143", Den: "1250"}, true
	case "M65":
		return Unit{Code: code, Dimension: "speed", Num: "381", Den: "25000"}, true
	case "M66":
		return Unit{Code: code, Dimension: "speed", Num: "127", Den: "500000"}, true
	// surfaceDensity
	case "28":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "1", Den: "1"}, true
	case "GM":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "1", Den: "1000"}, true
	case "25":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "10", Den: "1"}, true
	case "D5":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "10000", Den: "1"}, true
	case "GO":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "1", Den: "1000000"}, true
	case "H63":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "1", Den: "100"}, true
	case "37":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "45359237", Den: "148644864"}, true
	case "ON":
		return Unit{Code: code, Dimension: "surfaceDensity", Num: "45359237", Den: "1337803776"}, true
	// surfaceTension
	case "4P":
		return Unit{Code: code, Dimension: "surfaceTension", Num: "1", Den: "1"}, true
	case "C22":
		return Unit{Code: code, Dimension: "surfaceTension", Num: "1", Den: "1000"}, true
	case "DX":
		return Unit{Code: code, Dimension: "surfaceTension", Num: "1", Den: "1000"}, true
	// temperature
	case "KEL":
		return Unit{Code: code, Dimension: "temperature", Num: "1", Den: "1"}, true
	case "CEL":
		return Unit{Code: code, Dimension: "temperature", Num: "1", Den: "1", Offset: "5463/20"}, true
	case "FAH":
		return Unit{Code: code, Dimension: "temperature", Num: "5", Den: "9", Offset: "45967/180"}, true
	case "A48":
		return Unit{Code: code, Dimension: "temperature", Num: "5", Den: "9"}, true
	// time
	case "SEC":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "1"}, true
	case "ANN":
		return Unit{Code: code, Dimension: "time", Num: "31557600", Den: "1"}, true
	case "B52":
		return Unit{Code: code, Dimension: "time", Num: "1000", Den: "1"}, true
	case "B98":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "1000000"}, true
	case "C26":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "1000"}, true
	case "C47":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "1000000000"}, true
	case "DAY":
		return Unit{Code: code, Dimension: "time", Num: "86400", Den: "1"}, true
	case "H70":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "1000000000000"}, true
	case "HUR":
		return Unit{Code: code, Dimension: "time", Num: "3600", Den: "1"}, true
	case "L95":
		return Unit{Code: code, Dimension: "time", Num: "31536000", Den: "1"}, true
	case "M56":
		return Unit{Code: code, Dimension: "time", Num: "1", Den: "100000000"}, true
	case "MIN":
		return Unit{Code: code, Dimension: "time", Num: "60", Den: "1"}, true
	case "MON":
		return Unit{Code: code, Dimension: "time", Num: "2629800", Den: "1"}, true
	case "WEE":
		return Unit{Code: code, Dimension: "time", Num: "604800", Den: "1"}, true
	// torque
	case "NU":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "1"}, true
	case "B38":
		return Unit{Code: code, Dimension: "torque", Num: "196133", Den: "20000"}, true
	case "B48":
		return Unit{Code: code, Dimension: "torque", Num: "1000", Den: "1"}, true
	case "B74":
		return Unit{Code: code, Dimension: "torque", Num: "1000000", Den: "1"}, true
	case "B93":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "1000000"}, true
	case "D83":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "1000"}, true
	case "DN":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "10"}, true
	case "F21":
		return Unit{Code: code, Dimension: "torque", Num: "1129848290276167", Den: "10000000000000000"}, true
	case "F88":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "100"}, true
	case "J72":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "100"}, true
	case "J94":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "10000000"}, true
	case "L41":
		return Unit{Code: code, Dimension: "torque", Num: "1129848290276167", Den: "160000000000000000"}, true
	case "M92":
		return Unit{Code: code, Dimension: "torque", Num: "3389544870828501", Den: "2500000000000000"}, true
	case "M95":
		return Unit{Code: code, Dimension: "torque", Num: "6584392202157", Den: "156250000000000"}, true
	case "M96":
		return Unit{Code: code, Dimension: "torque", Num: "2194797400719", Den: "625000000000000"}, true
	case "M97":
		return Unit{Code: code, Dimension: "torque", Num: "1", Den: "100000"}, true
	// voltage
	case "VLT":
		return Unit{Code: code, Dimension: "voltage", Num: "1", Den: "1"}, true
	case "2Z":
		return Unit{Code: code, Dimension: "voltage", Num: "1", Den: "1000"}, true
	case "B78":
		return Unit{Code: code, Dimension: "voltage", Num: "1000000", Den: "1"}, true
	case "D82":
		return Unit{Code: code, Dimension: "voltage", Num: "1", Den: "1000000"}, true
	case "KVT":
		return Unit{Code: code, Dimension: "voltage", Num: "1000", Den: "1"}, true
	case "N99":
		return Unit{Code: code, Dimension: "voltage", Num: "1", Den: "1000000000000"}, true
	// volume
	case "MTQ":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1"}, true
	case "4G":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000000000"}, true
	case "A44":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "100"}, true
	case "BLD":
		return Unit{Code: code, Dimension: "volume", Num: "903336903", Den: "7812500000"}, true
	case "BLL":
		return Unit{Code: code, Dimension: "volume", Num: "9936705933", Den: "62500000000"}, true
	case "BUA":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "6250000000000"}, true
	case "BUI":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "12500000"}, true
	case "CLT":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "100000"}, true
	case "CMQ":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000000"}, true
	case "DLT":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "10000"}, true
	case "DMA":
		return Unit{Code: code, Dimension: "volume", Num: "1000", Den: "1"}, true
	case "DMQ":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000"}, true
	case "FTQ":
		return Unit{Code: code, Dimension: "volume", Num: "55306341", Den: "1953125000"}, true
	case "G21":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "2000000000000"}, true
	case "G24":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "32000000000000"}, true
	case "G25":
		return Unit{Code: code, Dimension: "volume", Num: "157725491", Den: "32000000000000"}, true
	case "G26":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1"}, true
	case "GLD":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "50000000000000"}, true
	case "GLI":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "100000000"}, true
	case "GLL":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "125000000000"}, true
	case "H19":
		return Unit{Code: code, Dimension: "volume", Num: "1000000", Den: "1"}, true
	case "H20":
		return Unit{Code: code, Dimension: "volume", Num: "1000000000", Den: "1"}, true
	case "HLT":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "10"}, true
	case "INQ":
		return Unit{Code: code, Dimension: "volume", Num: "2048383", Den: "125000000000"}, true
	case "K6":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1"}, true
	case "L43":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "50000000"}, true
	case "G23":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "25000000000000"}, true
	case "L61":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "400000000000000"}, true
	case "L62":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "200000000000000"}, true
	case "LTR":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000"}, true
	case "M68":
		return Unit{Code: code, Dimension: "volume", Num: "884901456", Den: "244140625"}, true
	case "M70":
		return Unit{Code: code, Dimension: "volume", Num: "55306341", Den: "19531250"}, true
	case "MAL":
		return Unit{Code: code, Dimension: "volume", Num: "1000", Den: "1"}, true
	case "MLT":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000000"}, true
	case "MMQ":
		return Unit{Code: code, Dimension: "volume", Num: "1", Den: "1000000000"}, true
	case "OZA":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "16000000000000"}, true
	case "OZI":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "16000000000"}, true
	case "PT":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "1000000000000"}, true
	case "PTD":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "400000000000000"}, true
	case "PTI":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "800000000"}, true
	case "PTL":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "1000000000000"}, true
	case "QT":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "500000000000"}, true
	case "QTD":
		return Unit{Code: code, Dimension: "volume", Num: "220244188543", Den: "200000000000000"}, true
	case "QTI":
		return Unit{Code: code, Dimension: "volume", Num: "454609", Den: "400000000"}, true
	case "QTL":
		return Unit{Code: code, Dimension: "volume", Num: "473176473", Den: "500000000000"}, true
	case "YDQ":
		return Unit{Code: code, Dimension: "volume", Num: "1493271207", Den: "1953125000"}, true
	// wavenumber
	case "C92":
		return Unit{Code: code, Dimension: "wavenumber", Num: "1", Den: "1"}, true
	case "E90":
		return Unit{Code: code, Dimension: "wavenumber", Num: "100", Den: "1"}, true
	}
	return Unit{}, false
}
