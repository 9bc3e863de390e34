#[[ The dependency law: arrows point down, siblings never meet. This file reads every include and fails on any other.

                    server (main)          introduces everything to everything
                   /      |      \
        server/kafka      |       client   speaks the protocol from the other side, never knows the server
          |   |   \       |         |
          |   |  server/net         |      moves bytes, knows no protocol; kafka and http see its session.h alone
          |   |       |             |
          |  broker   |             |
          |   |       |             |
          |  store    |             |
          |   |    \  |             |
          |   |  commitlog, consumequeue   never meet each other
          |   |   |   |             |
          |   |   io  |             |
         wire |   |   |            wire     inspect, over io, reads the disk formats a second time:
            \ |   |   |             /        it never sees the code that writes them
                    base                   and include/imago, the public headers, know only each other     ]]
cmake_minimum_required(VERSION 3.25)

# room: what it may include, as rooms or as single files. A room that is not here may not exist.
set(law
  "base:"
  "imago:"
  "io: base"
  "inspect: base io"
  "commitlog: base io"
  "consumequeue: base io"
  "store: base io commitlog consumequeue"
  "broker: base store"
  "wire: base"
  "client: base wire imago"
  "server/net: base"
  "server/http: base server/net/session.h"
  "server/kafka: base wire store broker server/net/session.h"
  "server: base io inspect commitlog consumequeue store broker wire client imago server/net server/http server/kafka")

# cmake -P tests/layering.cmake checks the tree it stands in; -DROOT=.. checks another.
if(NOT ROOT)
  get_filename_component(ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
endif()

foreach(line IN LISTS law)
  string(REGEX MATCH "^([^:]+):(.*)$" _ "${line}")
  set(room ${CMAKE_MATCH_1})
  list(APPEND rooms ${room})
  string(STRIP "${CMAKE_MATCH_2}" allowed)
  string(REPLACE " " ";" allowed_${room} "${allowed}")
endforeach()

# The room of a path below src/ or include/: the longest name in the law that it begins with.
function(room_of path out)
  set(found "")
  foreach(room IN LISTS rooms)
    string(FIND "${path}" "${room}/" at)
    string(LENGTH "${room}" length)
    string(LENGTH "${found}" longest)
    if(at EQUAL 0 AND length GREATER longest)
      set(found ${room})
    endif()
  endforeach()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

set(wrong 0)
function(complain text)
  message(SEND_ERROR "${text}")
  math(EXPR count "${wrong} + 1")
  set(wrong ${count} PARENT_SCOPE)
endfunction()

set(arrows 0)
file(GLOB_RECURSE files ${ROOT}/src/*.h ${ROOT}/src/*.cc ${ROOT}/include/*.h)
foreach(file IN LISTS files)
  file(RELATIVE_PATH shown ${ROOT} ${file})
  string(REGEX REPLACE "^(src|include)/" "" path ${shown})
  room_of(${path} here)
  if(NOT here)
    complain("${shown} stands in no room of the law")
    continue()
  endif()
  file(STRINGS ${file} includes REGEX "^[ \t]*#[ \t]*include[ \t]+[\"<]")
  foreach(include IN LISTS includes)
    string(REGEX MATCH "[\"<]([^\">]+)[\">]" _ "${include}")
    set(target ${CMAKE_MATCH_1})
    room_of(${target} there)
    get_filename_component(folder ${file} DIRECTORY)
    if(NOT there)
      if(include MATCHES "\"" AND NOT EXISTS ${folder}/${target})
        complain("${shown} includes \"${target}\", which is in no room and not beside it")
      endif()
      continue()
    endif()
    math(EXPR arrows "${arrows} + 1")
    if(NOT there STREQUAL here AND NOT there IN_LIST allowed_${here} AND NOT target IN_LIST allowed_${here})
      complain("${shown} includes \"${target}\": ${here} must not know ${there}")
    endif()
  endforeach()
endforeach()
if(wrong EQUAL 0)
  list(LENGTH files count)
  message(STATUS "layering: ${arrows} includes in ${count} files, all point down")
endif()
