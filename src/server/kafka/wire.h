// In this room "wire" means the Kafka codec.
#pragma once

#include "wire/kafka/error_code.h"

namespace imago::kafka {

namespace wire = imago::wire::kafka;
using wire::kafka_error;

}  // namespace imago::kafka
