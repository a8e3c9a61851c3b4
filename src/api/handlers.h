// All handlers, by the file they live in. Each is parse → do → render around calls of the model.
#pragma once
#include "api/context.h"

namespace tollgate::api {

// setup.cpp
Response get_setup(Context& c);
Response post_setup(Context& c);

// status.cpp
Response get_status(Context& c);
Response get_notice(Context& c);
Response get_about(Context& c);
Response get_home_page_content(Context& c);
Response get_user_agreement(Context& c);
Response get_privacy_policy(Context& c);

// login.cpp
Response login(Context& c);
Response logout(Context& c);

// self.cpp
Response get_self(Context& c);
Response update_self(Context& c);
Response create_access_token(Context& c);

// users.cpp
Response list_users(Context& c);
Response search_users(Context& c);
Response get_user(Context& c);
Response create_user(Context& c);
Response update_user(Context& c);
Response manage_user(Context& c);
Response delete_user(Context& c);

// tokens.cpp
Response list_tokens(Context& c);
Response search_tokens(Context& c);
Response get_token(Context& c);
Response create_token(Context& c);
Response update_token(Context& c);
Response delete_token(Context& c);
Response delete_tokens(Context& c);

// channels.cpp: reading and removing; channel_edit.cpp: creating and changing
Response list_channels(Context& c);
Response search_channels(Context& c);
Response get_channel(Context& c);
Response show_channel_key(Context& c);
Response delete_channel(Context& c);
Response delete_channels(Context& c);
Response delete_disabled_channels(Context& c);
Response fix_abilities(Context& c);
Response create_channel(Context& c);
Response update_channel(Context& c);

// channel_status.cpp
Response set_channel_status(Context& c);
Response test_channel(Context& c);
Response test_channels(Context& c);
Response update_channel_balance(Context& c);
Response update_channel_balances(Context& c);

// channel_keys.cpp
Response manage_channel_keys(Context& c);

// models.cpp
Response channel_models(Context& c);
Response enabled_models(Context& c);
Response user_models(Context& c);
Response models_by_type(Context& c);

// groups.cpp
Response list_groups(Context& c);
Response self_groups(Context& c);
Response anonymous_groups(Context& c);

// options.cpp
Response list_options(Context& c);
Response update_option(Context& c);
Response reset_model_ratio(Context& c);
Response read_options(Context& c);
Response update_options(Context& c);

// affinity.cpp
Response affinity_cache(Context& c);
Response clear_affinity_cache(Context& c);
Response affinity_usage(Context& c);

// logs.cpp
Response list_logs(Context& c);
Response list_own_logs(Context& c);
Response log_stat(Context& c);
Response own_log_stat(Context& c);
Response retired(Context& c);
Response token_logs(Context& c);

// data.cpp
Response list_data(Context& c);
Response list_own_data(Context& c);

// user_setting.cpp
Response update_user_setting(Context& c);

// cluster.cpp
Response show_cluster(Context& c);
Response show_node(Context& c);
Response drain_node(Context& c);
Response resume_node(Context& c);
Response step_down_node(Context& c);
Response forget_node(Context& c);

// usage.cpp
Response token_usage(Context& c);

}  // namespace tollgate::api
