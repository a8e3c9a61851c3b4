// After a charge: is there little left of the user's balance?
#pragma once
#include "relay/request.h"

namespace tollgate::relay {

// Tells Relay::low_balance when the balance may be below the user's threshold; who listens looks at it closely. A few
// comparisons, no lock and no SQL; a user is told of once a second and worker at most. Other nodes' spending is not
// seen before the identity is read again.
void warn_if_low(Request& request, core::Quota charge);

}  // namespace tollgate::relay
