// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/framework/saver.h"

namespace weft {

namespace proto {
class SaverDef;
}

namespace train::saving {

void SaverDefToProto(const SaverDef& def, proto::SaverDef* proto);
SaverDef SaverDefFromProto(const proto::SaverDef& proto);

}  // namespace train::saving
}  // namespace weft
